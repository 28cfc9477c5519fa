"""The folder of a local run (`--out`): what is where, whose it is, and one run at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bitpipe.errors import ConfigError
from bitpipe.stores.paths import is_remote

# Raised when a layout or artifact changes so that an older folder cannot be continued.
FORMAT_VERSION = 1
_MARKER = "bitpipe.json"


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Paths below `--out`, and the data set it belongs to.

    Attributes:
        out: absolute.
        data: the real path of a local folder, so that another spelling of it finds the same cache;
            a URL as it was given.
    """

    out: Path
    data: str

    @property
    def metadata(self) -> Path:
        """ML Metadata's SQLite file."""
        return self.out / "metadata.db"

    @property
    def artifacts(self) -> Path:
        """The pipeline root: outputs of all stages."""
        return self.out / "artifacts"

    @property
    def serving(self) -> Path:
        """Parent of the model folders for the server."""
        return self.out / "serving"

    @property
    def logs(self) -> Path:
        """One log file per run."""
        return self.out / "logs"


@contextlib.contextmanager
def opened(out: Path, data: str) -> Iterator[Workspace]:
    """Claims `out` for this data set and this process, making it where it is missing.

    Raises:
        ConfigError: `out` is no folder of ours, belongs to another data set or format, cannot be
            written, or another run is using it.
    """
    workspace = Workspace(out.absolute(), _identity(data))
    _check_owner(workspace.out, data)
    try:
        workspace.logs.mkdir(parents=True, exist_ok=True)
        lock = os.open(workspace.out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(
            f"--out {out} cannot be written: {error.strerror}. Choose another folder."
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another run is using --out {out}; wait for it or choose another folder."
            ) from None
        marker = {"format_version": FORMAT_VERSION, "data": workspace.data}
        temporary = workspace.out / f"{_MARKER}.tmp"
        temporary.write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
        temporary.replace(workspace.out / _MARKER)
        yield workspace
    finally:
        os.close(lock)


def _identity(data: str) -> str:
    """A data set's address: the real path of a local folder, a URL as it is."""
    return data.rstrip("/") if is_remote(data) else str(Path(data).resolve())


def _check_owner(out: Path, data: str) -> None:
    if _identity(data) in (str(out.resolve()), *map(str, out.resolve().parents)):
        raise ConfigError(
            f"--out {out} lies inside --data {data}: outputs would be taken for pictures. "
            "Choose another folder."
        )
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"--out {out} is not a folder. Choose another one.")
    marker = out / _MARKER
    if not marker.exists():
        if any(out.iterdir()):
            raise ConfigError(
                f"--out {out} is not empty and holds no earlier run. Choose an empty or new folder."
            )
        return
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
        version, owner = found["format_version"], found["data"]
    except (ValueError, KeyError, TypeError, OSError):
        raise ConfigError(f"{marker} cannot be read. Choose another --out.") from None
    if version != FORMAT_VERSION:
        raise ConfigError(
            f"--out {out} was written in format {version}, this version of bitpipe writes "
            f"{FORMAT_VERSION}. Choose another folder."
        )
    if owner != _identity(data):
        raise ConfigError(
            f"--out {out} belongs to the data set {owner}. Received --data {data}. "
            "Choose another --out for it."
        )
