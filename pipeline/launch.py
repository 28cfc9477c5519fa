"""A run on this machine: checked at once, in a folder of its own, shown as it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from bitpipe import frameworks
from bitpipe.errors import ConfigError
from bitpipe.model import release
from bitpipe.stores import whole_file
from bitpipe.stores.paths import is_remote, join, require_plain
from components.bit import packaged, sources
from components.gate import settings as gate
from components.image_example_gen.sources.registry import check_data
from components.settings import SCRATCH
from pipeline import interruption, stages, workspace
from pipeline.position import Position
from pipeline.settings import rendering
from pipeline.settings.config import Config
from pipeline.working import working

if TYPE_CHECKING:
    from components.image_example_gen.listing import Listing
    from pipeline.result import RunResult
    from pipeline.terminal.display import Display

# In the folder of all outputs: the summary of the last run that ended.
SUMMARY = "summary.txt"


def check(config: Config, data: str) -> Listing | None:
    """Refuses pictures and weights that a run would stumble over, as far as can be seen at once.

    Returns:
        The pictures; None where only the ingest can tell.

    Raises:
        ConfigError: a path that frameworks would take for a pattern, a rule of the gate that says
            nothing about so many classes, or Docker is wanted and not there.
        DataError: the data are no labelled pictures.
        WeightsError: there are no such weights.
    """
    if config.serving_check.server == "docker" and shutil.which("docker") is None:
        raise ConfigError(
            "serving_check.server=docker wants the command `docker`, which is not there. Install "
            "it, or set serving_check.server=embedded."
        )
    listing = _list(config, data)
    if listing is not None:
        gate.check_classes(config.gate, listing.classes)
    if config.model.backbone != SCRATCH:
        location, form, _ = sources.locate(config.model.backbone)
        if form == "saved_model":
            require_plain("model.backbone", location)
    return listing


def check_pictures(config: Config, data: str) -> str:
    """Refuses pictures alone, as `check` does; what they were taken for, in words."""
    listing = _list(config, data)
    return listing.recognised if listing is not None else ""


def _list(config: Config, data: str) -> Listing | None:
    if config.data.has_spans:  # TFX looks for them by a pattern
        require_plain("--data, with spans in data.pattern,", _real(data))
    return check_data(data, config.data.of_source(), config.data.min_images_per_class)


def run(
    config: Config,
    data: str,
    out: Path,
    *,
    models: str | None = None,
    verbose: bool = False,
    origins: Mapping[str, str] = MappingProxyType({}),
    command: str = "",
) -> tuple[RunResult, Path]:
    """Runs the pipeline with a display on stderr.

    Args:
        config: checked.
        data: folder or URL of the pictures.
        out: folder for all outputs, which belongs to these pictures.
        models: folder or address that versions are pushed to; `None` for `out`/serving.
        verbose: show the frameworks' log as well.
        origins: per dotted key of the configuration, where its value came from, for the report.
        command: what runs the same again, for the report.

    Returns:
        What came of it, and the log file.

    Raises:
        BitpipeError: with its exit code, for everything a user can put right;
            `working.UnexpectedError` for the rest, with the traceback in the log.
    """
    listing = check(config, data)
    if models is not None:  # hours before it is needed: credentials, or the bucket, may be missing
        release.read(join(models, config.name))
    config = _with_absolute_backbone(config)
    _require_backbone(config.model.backbone)
    with working(config, data, out, models, verbose=verbose) as work:
        # An hour before it is needed: the download may fail.
        if config.model.backbone != SCRATCH and not _is_module(config.model.backbone):
            _fetch(config.model.backbone)
        with work.shown() as display:
            result = _run(config, work.space, display, listing, origins, command)
    return result, work.log_file


def ingest(config: Config, data: str, out: Path, *, verbose: bool = False) -> dict[str, Any]:
    """Runs the first stage alone, as `run` does, which goes on from there.

    Returns:
        The report of the ingest, and the folder that it lies in.

    Raises:
        BitpipeError: see `run`.
    """
    recognised = check_pictures(config, data)
    with working(config, data, out, None, verbose=verbose) as work, work.shown() as display:
        position = Position(display)
        with interruption.telling(position.when_interrupted):
            frameworks.log_warnings()
            _tell(display, recognised)
            display.waiting("loading TensorFlow and TFX")
            from pipeline import local

            return local.ingest(config, work.space, position)


def _real(data: str) -> str:
    return data if is_remote(data) else str(Path(data).resolve())


def _with_absolute_backbone(config: Config) -> Config:
    """The cache knows a backbone by its path, which must not depend on where a user stands."""
    backbone = config.model.backbone
    if backbone == SCRATCH or not sources.is_path(backbone):
        return config
    path = str(Path(backbone).expanduser().absolute())
    model = msgspec.structs.replace(config.model, backbone=path)
    return msgspec.structs.replace(config, model=model)


def _is_module(backbone: str) -> bool:
    """Whether it is one of TF Hub, which cannot be fetched before TensorFlow is loaded."""
    return sources.locate(backbone)[1] == "hub"


def _require_backbone(backbone: str) -> None:
    """Before there is anything in the folder of a run, and before TensorFlow is loaded."""
    if backbone != SCRATCH:
        from components.bit import files  # and an HTTP client

        with packaged.offered(packaged.FOR_A_RUN):
            files.require_obtainable(backbone)


def _fetch(backbone: str) -> None:
    from components.bit import files

    with packaged.offered(packaged.FOR_A_RUN):
        files.local(backbone)


def _tell(display: Display, recognised: str) -> None:
    if recognised:
        display.note(f"  {recognised}")


def _run(
    config: Config,
    space: workspace.Workspace,
    display: Display,
    listing: Listing | None,
    origins: Mapping[str, str],
    command: str,
) -> RunResult:
    position = Position(display)
    with interruption.telling(position.when_interrupted):
        frameworks.log_warnings()
        _tell(display, listing.recognised if listing is not None else "")
        display.waiting("loading TensorFlow and TFX")
        from pipeline import device, forecast, local
        from pipeline.report.facts import Setting, Told

        display.note(f"  computing on {device.describe()}")
        if config.model.backbone != SCRATCH and _is_module(config.model.backbone):
            display.waiting(f"fetching {config.model.backbone}")
            _fetch(config.model.backbone)
        if not (space.artifacts / stages.TRAINER).exists():  # else it may be in the cache
            display.waiting("measuring how fast this machine is")
            if sentence := forecast.of_training(config, listing):
                display.note(f"  {sentence}")
        told = Told(
            name=config.name,
            data=space.data,
            command=command,
            settings=tuple(
                Setting(key, value, origins.get(key, "")) for key, value in rendering.values(config)
            ),
            device=device.describe(),
        )
        result = local.run(config, space, position, told)
    try:
        _keep(space.out / SUMMARY, result)
    except OSError as error:  # the model is pushed, which no failure here may undo
        display.note(f"  {space.out / SUMMARY} could not be written: {error.strerror or error}")
    return result


def _keep(path: Path, result: RunResult) -> None:
    """Writes what the terminal shows at the end of a run, for whoever was not there."""
    from pipeline.terminal import summary

    whole_file.write(path, [summary.text(result).encode()])
