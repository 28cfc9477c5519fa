"""The `beam` section of a configuration: where the data stages run, as options of Beam.

Plain msgspec structs, checked without importing Beam. Flink and Spark are reached through Beam's
job servers: the job goes to an *endpoint*, and the engine's workers let Python be run by an SDK
worker, in a container of our image or in a pool that is there already.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bitpipe.beam import IN_PROCESS
from bitpipe.errors import ConfigError
from components.settings import PositiveInt, Settings
from pipeline.settings import beam_options

Runner = Literal["local", "portable", "flink", "spark", "dataflow"]
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
Endpoint = Annotated[
    str,
    Meta(
        pattern=rf"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):{_PORT}$",
        description="host:port with a port from 1 to 65535, such as localhost:8099",
    ),
]
Option = Annotated[
    str,
    Meta(
        pattern="^--[a-z][a-z0-9_-]*(=|$)",
        description="an option of Beam, such as --job_name=nightly",
    ),
]
Image = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
        description="a container image, such as registry.example/bitpipe:cpu",
    ),
]
# Dataflow keeps what is on its way nowhere else.
Address = Annotated[
    str, Meta(pattern="^gs://[^/]+", description="an address such as gs://bucket/tmp")
]
# Of Google, which wants both in small letters.
Name = Annotated[
    str, Meta(pattern="^[a-z][a-z0-9.:-]*$", description="a name of Google Cloud, in small letters")
]

_JOB_SERVERS = ("portable", "flink", "spark")

# What each runner is told beside `options`; anything else would be ignored without a word.
_KEYS: dict[str, tuple[str, ...]] = {
    "local": (),
    "portable": ("job_endpoint", "image", "worker_pool"),
    "flink": ("job_endpoint", "image", "worker_pool", "parallelism"),
    "spark": ("job_endpoint", "image", "worker_pool"),
    "dataflow": ("image", "project", "region", "temp_location", "parallelism"),
}
_NEEDED = {
    **dict.fromkeys(_JOB_SERVERS, ("job_endpoint",)),
    "dataflow": ("image", "project", "region", "temp_location"),
}
# Any image spares TFX packing its own sources before every stage, 2 to 5 s each: workers have
# this package installed, wherever they are.
_NO_IMAGE = "unused"


class BeamSettings(Settings, frozen=True):
    """Where ingest, statistics, Transform and the Evaluator run."""

    # local: in this process. portable: any job server of Beam. flink, spark: Beam's for those.
    runner: Runner = "local"
    # Of the job server.
    job_endpoint: Endpoint | None = None
    # Our container image, which the engine starts on its workers with Docker.
    image: Image | None = None
    # Instead of it: SDK workers that are there already, as each of the engine's workers finds them.
    worker_pool: Endpoint | None = None
    # How many workers share the work; the engine's own choice when not given.
    parallelism: PositiveInt | None = None
    # Of Dataflow.
    project: Name | None = None
    region: Name | None = None
    temp_location: Address | None = None
    # More options of Beam, of which no setting speaks.
    options: tuple[Option, ...] = ()


def check(beam: BeamSettings) -> None:
    """Refuses a section that contradicts itself; ConfigError in one sentence."""
    given = [
        key
        for key in msgspec.structs.asdict(beam)
        if key not in ("runner", "options") and getattr(beam, key) is not None
    ]
    known = _KEYS[beam.runner]
    if strange := [key for key in given if key not in known]:
        takes = ", ".join(f"beam.{key}" for key in known) or "beam.options alone"
        raise ConfigError(
            f"beam.runner={beam.runner} takes {takes}. Received: beam.{strange[0]}="
            f"{getattr(beam, strange[0])}; remove it, or name another beam.runner."
        )
    if missing := [key for key in _NEEDED.get(beam.runner, ()) if key not in given]:
        raise ConfigError(
            f"beam.runner={beam.runner} needs {' and '.join(f'beam.{key}' for key in missing)}. "
            f"Received: {_told(given)}; set {'it' if len(missing) == 1 else 'them'}."
        )
    if beam.runner in _JOB_SERVERS and (beam.image is None) == (beam.worker_pool is None):
        raise ConfigError(
            f"beam.runner={beam.runner} needs either beam.image, which workers start with Docker, "
            "or beam.worker_pool, where they are running already. "
            f"Received: {'both' if beam.image else 'neither'}; set one of them."
        )
    if beam.options:
        beam_options.check(beam.options, has_own=beam.runner in _JOB_SERVERS)


def options(beam: BeamSettings) -> list[str]:
    """The section as Beam's command line has it."""
    return [*_of_runner(beam), *beam.options]


def _of_runner(beam: BeamSettings) -> list[str]:
    image = f"--sdk_container_image={beam.image or _NO_IMAGE}"
    if beam.runner == "local":
        return [*IN_PROCESS, image]
    if beam.runner == "dataflow":
        return [
            "--runner=DataflowRunner",
            *(f"--{key}={getattr(beam, key)}" for key in ("project", "region", "temp_location")),
            image,
            *([f"--num_workers={beam.parallelism}"] if beam.parallelism else []),
        ]
    workers = (
        ["--environment_type=DOCKER", f"--environment_config={beam.image}"]
        if beam.image
        else ["--environment_type=EXTERNAL", f"--environment_config={beam.worker_pool}"]
    )
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={beam.job_endpoint}",
        *workers,
        image,
        *([f"--parallelism={beam.parallelism}"] if beam.parallelism else []),
    ]


def _told(given: list[str]) -> str:
    return ", ".join(f"beam.{key}" for key in given) or "nothing of it"
