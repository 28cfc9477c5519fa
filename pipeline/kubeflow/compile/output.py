"""`bitpipe compile`: the compiled pipeline as files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from bitpipe.errors import ConfigError
from pipeline.settings.config import Config
from pipeline.settings.kubeflow import require_places


def check(config: Config, out: Path) -> None:
    """Refuses what `write` would refuse, as far as it can be seen without TFX.

    Raises:
        ConfigError: the configuration cannot be compiled, or the folder is not there.
    """
    require_places(config.kubeflow)
    if not out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {str(out.parent)!r}; make it first.")


def write(config: Config, out: Path) -> dict[Path, int]:
    """Compiles, then writes `out` and what people read beside it; all of them, or none.

    Returns:
        The files, and how many bytes each has.

    Raises:
        ConfigError: the configuration cannot be compiled, or the folder cannot be written.
    """
    check(config, out)
    from pipeline.kubeflow.compile import compiler

    if config.kubeflow.target == "vertex":
        contents = {out: compiler.compile_vertex(config)}
    else:
        package = compiler.compile_pipeline(config)
        contents = {
            out: package.to_yaml(),
            out.with_suffix(".manifest.json"): msgspec.json.format(
                msgspec.json.encode(package.manifest), indent=2
            ).decode()
            + "\n",
            out.with_suffix(".ir.txt"): compiler.ir_text(config),
        }
    _replace_all(contents)
    return {path: len(text.encode()) for path, text in contents.items()}


def _replace_all(contents: dict[Path, str]) -> None:
    written: dict[Path, Path] = {}
    try:
        for path, text in contents.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            written[path] = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            written[path].chmod(0o644)
        for path, temporary in written.items():
            temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"--out: {error.strerror} ({error.filename}).") from None
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
