"""Paths of disks and addresses of stores, by their spelling alone."""

from pathlib import Path
from urllib.parse import unquote

from bitpipe.errors import ConfigError

# What TensorFlow, TFX and Beam take for a pattern of names, and for the quote before one.
PATTERN_CHARACTERS = "*?[]\\"

FILE = "file://"
WEB = ("http://", "https://")


def is_remote(path: str) -> bool:
    """Whether it is an address such as `gs://bucket/photos`, rather than a path on a disk."""
    return "://" in path


def local_path(address: str) -> str:
    """The path that a `file://` address means; any other one as it is."""
    if not address.startswith(FILE):
        return address
    return unquote(address[len(FILE) :].removeprefix("localhost"))


def require_local(option: str, path: str) -> None:
    """Refuses an address where nothing but a disk will do.

    Args:
        option: who named it, for instance `--out`.
        path: as it was given: a `Path` folds `gs://bucket` into the folder `gs:/bucket`.

    Raises:
        ConfigError: it is an address.
    """
    if is_remote(path):
        raise ConfigError(
            f"{option} must be a path on a disk of this machine. Received: {path}, an address."
        )


def join(folder: str, *names: str) -> str:
    """Where `names`, one below the other, lie below the folder; each may hold several, with `/`."""
    if is_remote(folder):
        return "/".join([folder.rstrip("/"), *names])
    return str(Path(folder, *names))


def require_plain(option: str, path: str | Path) -> None:
    r"""Refuses a place below which a framework would find nothing, or the files of another place.

    TensorFlow, TFX and Beam look for files by patterns that they make of a folder's path, and none
    of the three has a way of quoting that the others know. A local path is judged as a whole, from
    the root on: the folders above it are part of the pattern.

    Args:
        option: who named it, for instance `--out`.
        path: a path, or an address.

    Raises:
        ConfigError: it holds one of `*`, `?`, `[`, `]` and `\`.
    """
    text = str(path)
    whole = text if is_remote(text) else str(Path(text).expanduser().absolute())
    found = [character for character in PATTERN_CHARACTERS if character in whole]
    if found:
        raise ConfigError(
            f"{option} must have a path without {' '.join(PATTERN_CHARACTERS)}, which TensorFlow "
            f"would take for a pattern. Received: {whole}, with {' '.join(found)}. Rename it "
            "or choose another one."
        )
