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

Runner = Literal["local", "portable", "flink", "spark", "dataflow"]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$",
        description="host:port, such as localhost:8099",
    ),
]
Option = Annotated[
    str, Meta(pattern="^--[a-z]", description="an option of Beam, such as --job_name=nightly")
]
Address = Annotated[
    str, Meta(pattern="^[a-z0-9]+://.+", description="an address such as gs://bucket/tmp")
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
    image: str | None = None
    # Instead of it: SDK workers that are there already, as each of the engine's workers finds them.
    worker_pool: Endpoint | None = None
    # How many workers share the work; the engine's own choice when not given.
    parallelism: PositiveInt | None = None
    # Of Dataflow.
    project: str | None = None
    region: str | None = None
    temp_location: Address | None = None
    # More options of Beam; the last one counts.
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
    if beam.runner == "local" and any(one.startswith("--runner=") for one in beam.options):
        raise ConfigError(
            "beam.options must not choose a runner that beam.runner does not name. "
            f"Received: {list(beam.options)} and runner {beam.runner}; set beam.runner."
        )


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
