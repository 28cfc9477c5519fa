"""The folder of a local run (`--out`): what is where, whose it is, and one run at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from bitpipe import full_disk
from bitpipe.errors import BitpipeError, ConfigError
from bitpipe.names import require_utf8
from bitpipe.stores import whole_file
from bitpipe.stores.paths import is_remote, require_plain
from pipeline import reports

# Raised when a layout or artifact changes so that an older folder cannot be continued.
FORMAT_VERSION = 1
_MARKER = "bitpipe.json"
_LOCK = ".lock"
_LOGS = "logs"
# Below the artifacts, found by what they are of and not by a number.
_CHECKPOINTS = "checkpoints"
_FEATURES = "features"

# All that a run leaves which ends, or finds no room, before its folder is marked.
_BEFORE_THE_MARKER = frozenset({_LOCK, _LOGS})


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Paths below `--out`, and the data set it belongs to.

    Attributes:
        out: absolute.
        data: the real path of a local folder, so that another spelling of it finds the same cache;
            a URL as it was given.
        serving: parent of the model folders for the server, an absolute path or an address.
    """

    out: Path
    data: str
    serving: str = ""

    @property
    def metadata(self) -> Path:
        """ML Metadata's SQLite file."""
        return self.out / "metadata.db"

    @property
    def artifacts(self) -> Path:
        """The pipeline root: outputs of all stages."""
        return self.out / "artifacts"

    @property
    def logs(self) -> Path:
        """One log file per run."""
        return self.out / _LOGS

    @property
    def reports(self) -> Path:
        """A folder per run that came to its verdict, named by the time."""
        return self.out / reports.FOLDER


@contextlib.contextmanager
def opened(out: Path, data: str, models: str | None = None) -> Iterator[Workspace]:
    """Claims `out` for this data set and this process, making it where it is missing.

    Args:
        out: folder for all outputs.
        data: folder or URL of the pictures.
        models: folder or address that versions are pushed to; `None` for `out`/serving.

    Raises:
        DiskFullError: there is no room for what marks `out`.
        ConfigError: `out` is no folder of ours, belongs to another data set or format, cannot be
            written, is damaged, another run is using it, or it or `data` is not valid UTF-8.
    """
    require_plain("--out", out)
    serving = str(out.absolute() / "serving") if models is None else models.rstrip("/")
    if not is_remote(serving):
        serving = str(Path(serving).expanduser().absolute())
    require_plain("--models", serving)
    workspace = Workspace(out.absolute(), _identity(data), serving)
    require_utf8(workspace.data, "--data")
    require_utf8(workspace.out, "--out")
    _check_owner(workspace.out, data)
    try:
        workspace.out.mkdir(parents=True, exist_ok=True)
        lock = os.open(workspace.out / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _not_writable(out, error) from None
    try:
        _claim(lock, out)
        try:
            workspace.logs.mkdir(exist_ok=True)
            _mark(workspace)
        except OSError as error:
            raise _not_writable(out, error) from None
        _check_metadata(workspace)
        yield workspace
    finally:
        os.close(lock)


def _claim(lock: int, out: Path) -> None:
    """Takes the lock, which ends with the process, and says in its file whose it is."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 100, 0).decode(errors="replace").strip()
        raise ConfigError(
            f"another run is using --out {out}{f' ({holder})' if holder else ''}; wait for it, end "
            "it, or choose another folder."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"--out {out} cannot be locked: {error.strerror}. Choose a folder on another disk."
        ) from None
    started = f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"
    # Without these words two runs would still not meet: a full disk is told of by what follows.
    with contextlib.suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}, started {started}\n".encode(), 0)


def _mark(workspace: Workspace) -> None:
    marker = {"format_version": FORMAT_VERSION, "data": workspace.data}
    content = json.dumps(marker, indent=2) + "\n"
    whole_file.write(workspace.out / _MARKER, [content.encode()])


def _not_writable(out: Path, error: OSError) -> BitpipeError:
    return full_disk.explained(error, {out: f"--out {out}"}) or ConfigError(
        f"--out {out} cannot be written: {error.strerror or error}. Choose another folder."
    )


def _check_metadata(workspace: Workspace) -> None:
    """Refuses a database that is damaged; removes the outputs of one that was deleted.

    Stages number their outputs by ML Metadata, which a new database begins at 1: without this, a
    stage would write among the files of another run. Checkpoints and features are found by what
    they are of.
    """
    database = workspace.metadata
    if database.exists() and database.stat().st_size:
        try:
            with contextlib.closing(sqlite3.connect(database)) as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            # What a killed run has left half-written in it is to be taken back, which needs room.
            if full := full_disk.explained(error, {workspace.out: f"--out {workspace.out}"}):
                raise full from error
            verdict = str(error)
        if verdict != "ok":
            raise damaged_metadata(workspace, verdict)
    elif workspace.artifacts.is_dir():
        for output in workspace.artifacts.iterdir():
            if output.name not in (_CHECKPOINTS, _FEATURES) and output.is_dir():
                shutil.rmtree(output)


def damaged_metadata(workspace: Workspace, reason: str) -> ConfigError:
    """What to tell, and to do, where ML Metadata's file cannot be used."""
    return ConfigError(
        f"{workspace.metadata}, which knows what earlier runs have made, cannot be used: "
        f"{reason.strip().rstrip('.')}. Delete it and run again: every stage runs anew, the models "
        "in service stay."
    )


def _identity(data: str) -> str:
    """A data set's address: the real path of a local folder, a URL as it is."""
    return data.rstrip("/") if is_remote(data) else str(Path(data).resolve())


def _is_of_others(path: Path) -> bool:
    unfinished = path.name.startswith(whole_file.prefix(path.with_name(_MARKER)))
    return path.name not in _BEFORE_THE_MARKER and not unfinished


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
        if any(map(_is_of_others, out.iterdir())):
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
