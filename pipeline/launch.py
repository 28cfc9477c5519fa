"""A run on this machine: checked at once, in a folder of its own, shown as it goes on."""

from __future__ import annotations

import datetime
import logging
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bitpipe import frameworks
from bitpipe.errors import BitpipeError
from components.bit import sources
from components.image_example_gen.sources.registry import check_folder
from components.settings import SCRATCH
from pipeline import logs, workspace
from pipeline.settings.config import Config

if TYPE_CHECKING:
    from pipeline.result import RunResult
    from pipeline.terminal.display import Display


class UnexpectedError(BitpipeError):
    """A stage failed for a reason that is not the user's."""


def check(config: Config, data: str) -> None:
    """Refuses pictures and weights that a run would stumble over, as far as can be seen at once.

    Raises:
        DataError: the folder holds no pictures by class.
        WeightsError: there are no such weights.
    """
    check_folder(
        data,
        pattern=config.data.pattern,
        min_images_per_class=config.data.min_images_per_class,
    )
    if config.model.backbone != SCRATCH:
        sources.locate(config.model.backbone)


def run(config: Config, data: str, out: Path, *, verbose: bool = False) -> tuple[RunResult, Path]:
    """Runs the pipeline with a display on stderr.

    Args:
        config: checked.
        data: folder or URL of the pictures.
        out: folder for all outputs, which belongs to these pictures.
        verbose: show the frameworks' log as well.

    Returns:
        What came of it, and the log file.

    Raises:
        BitpipeError: with its exit code, for everything a user can put right; `UnexpectedError` for
            the rest, with the traceback in the log.
    """
    check(config, data)
    from pipeline.terminal.display import Display

    with workspace.opened(out, data) as space:
        log_file = space.logs / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
        try:
            with (
                logs.captured(log_file, verbose=verbose) as terminal,
                Display(terminal.err) as display,
            ):
                try:
                    result = _run(config, space, display)
                except Exception:
                    logging.exception("the run failed")
                    raise
        except BitpipeError:
            raise
        except Exception as error:
            raise UnexpectedError(
                f"{type(error).__name__}: {_first_line(error)} The whole log is in {log_file}."
            ) from error
    return result, log_file


def next_commands(config: Config, out: Path, data: str) -> list[str]:
    """What to try with the model that was just pushed."""
    program = _program()
    folder = shlex.quote(str(out / "serving"))
    return [
        f"{program} serve --models {folder} --name {config.name}",
        f"{program} predict IMAGE... --server localhost:8500 --name {config.name}",
        f"{program} run --config {config.name} --data {shlex.quote(data)}"
        f" --out {shlex.quote(str(out))}  # again: cached",
    ]


def _program() -> str:
    """How to call bitpipe from the user's shell: by name only where that would find this one."""
    script = Path(sys.executable).parent / "bitpipe"
    on_path = shutil.which("bitpipe")
    if on_path and Path(on_path).resolve() == script.resolve():
        return "bitpipe"
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m pipeline"
    return shlex.quote(os.path.relpath(script))


def _run(config: Config, space: workspace.Workspace, display: Display) -> RunResult:
    frameworks.log_warnings()
    display.waiting("loading TensorFlow and TFX")
    from pipeline import local

    return local.run(config, space, display)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0].rstrip(".") + ".") if text else "No message."
