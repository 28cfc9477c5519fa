"""Commands that a user is told to type next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bitpipe.stores.paths import is_remote
from pipeline.settings.config import Config


def again(
    out: Path, data: str, source: str | None, overrides: Sequence[str], models: str | None = None
) -> str:
    """The command that runs the same once more.

    Args:
        out: as it was given, like all others.
        data: see `run`.
        source: `--config`; None where it was left out.
        overrides: `--set`, in their order.
        models: `--models`; None where it was left out.
    """
    words = ["run", "--data", data, "--out", str(out)]
    words += ["--models", models] if models is not None else []
    words += ["--config", source] if source is not None else []
    words += [word for override in overrides for word in ("--set", override)]
    return f"{_program()} {shlex.join(words)}"


def next_commands(config: Config, out: Path, same: str, models: str | None = None) -> list[str]:
    """What to try with the model that was just pushed.

    Args:
        config: of the run.
        out: of the run.
        same: `again`.
        models: of the run.
    """
    program = _program()
    folder = shlex.quote(models or str(out / "serving"))
    if is_remote(folder):  # the embedded server reads disks
        return [
            f"{program} models list --models {folder} --name {config.name}",
            f"{same}  # again: cached",
        ]
    return [
        f"{program} serve --models {folder} --name {config.name}",
        f"{program} predict IMAGE... --server localhost:8500 --name {config.name}",
        f"{same}  # again: cached",
    ]


def trial_command(candidate: str) -> str:
    """How to ask a model that was not pushed."""
    return f"{_program()} classify IMAGE... --backbone {shlex.quote(candidate)}"


def _program() -> str:
    """How to call bitpipe from the user's shell: by name only where that would find this one."""
    script = Path(sys.executable).parent / "bitpipe"
    on_path = shutil.which("bitpipe")
    if on_path and Path(on_path).resolve() == script.resolve():
        return "bitpipe"
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m pipeline"
    return shlex.quote(os.path.relpath(script))
