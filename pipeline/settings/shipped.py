"""The configurations that come with the project, and the files that a user names instead."""

from __future__ import annotations

from pathlib import Path

from bitpipe.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "configs"
DEFAULT = "photos"


def names() -> list[str]:
    """Names of the configurations that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def headline(name: str) -> str:
    """The first comment line of a shipped configuration."""
    first = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").rstrip()


def find(source: str) -> Path:
    """A YAML file, or the shipped one of that name.

    Raises:
        ConfigError: there is neither.
    """
    shipped = FOLDER / f"{source}.yaml"
    if Path(source).suffix not in (".yaml", ".yml") and shipped.is_file():
        return shipped
    path = Path(source)
    if path.is_file():
        return path
    if path.stem in names():
        hint = f"there is no such file; the configuration that comes with bitpipe is {path.stem!r}"
    else:
        hint = f"give a YAML file or one of {', '.join(names())}"
    raise ConfigError(f"no configuration {source!r}: {hint}.")
