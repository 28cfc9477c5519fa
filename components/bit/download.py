"""Large files over HTTP into a cache that never shows a half-downloaded file as complete.

A file in the cache is complete when it bears its own name; while it grows it is called `*.part`.
Beside it lies `*.sha256`, in the format of sha256sum, which every later use is checked against.
"""

import contextlib
import fcntl
import hashlib
import os
import threading
import time
import urllib.parse
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import requests
import rich.console
import rich.progress
import urllib3

from bitpipe import cache as user_cache
from bitpipe.errors import UnreachableWeightsError, WeightsError
from bitpipe.stores import whole_file

CHUNK_BYTES = 1 << 20
# Small, because urllib3 2 drops the part of a chunk that came before a connection broke.
RECEIVED_BYTES = 1 << 16
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
# For a first answer at all, whatever the name has of addresses that are tried one by one.
ANSWER_TIMEOUT_S = 15
# A file system's clock may stand still for as long: what was changed since may bear the same time.
CLOCK_TICK_NS = 2 * 10**9
CONTINUATIONS = 3  # of one download that is cut, before the user is asked to decide


def fetch(
    url: str, *, cache: Path | None = None, sha256: str | None = None, progress: bool = True
) -> Path:
    """The file at `url`, from the cache or downloaded into it.

    An interrupted download is resumed, by this call or by a later one. Where `sha256` is None the
    first download is trusted, and its digest recorded and demanded from then on.

    Args:
        url: http or https.
        cache: folder; `bitpipe.cache.folder()` if None.
        sha256: expected digest in hexadecimal.
        progress: shows a bar on the standard error.

    Raises:
        UnreachableWeightsError: the address cannot be reached, or refuses.
        WeightsError: it delivers something else, or the cache cannot be written.
    """
    path = _place(url, cache)
    try:
        if _is_complete(path, sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if not _is_complete(path, sha256):  # another process may have been faster
                require_answer(url)
                _download(url, path, progress)
                _accept(url, path, sha256 or _recorded_digest(path))
    except requests.RequestException as error:
        raise _unreachable(url, _reason(error)) from error
    except OSError as error:
        raise WeightsError(
            f"cannot use the cache {path.parent}: {error.strerror or error}. Set BITPIPE_CACHE to "
            "a folder with room."
        ) from error
    return path


def is_cached(url: str, cache: Path | None = None) -> bool:
    """Whether the file of an address was downloaded before; it may be damaged since."""
    return _place(url, cache).exists()


def require_answer(url: str) -> None:
    """Makes sure within ANSWER_TIMEOUT_S that a server answers there, whatever it says.

    Looking up a name has no timeout of its own, and each of a name's addresses has a whole one.

    Raises:
        UnreachableWeightsError: none does.
    """
    reasons: list[str] = []

    def ask() -> None:
        try:
            requests.head(url, timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S)).close()
            reasons.append("")
        except requests.RequestException as error:
            reasons.append(_reason(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_TIMEOUT_S)
    if not reasons or reasons[0]:
        raise _unreachable(url, reasons[0] if reasons else _reason(requests.Timeout()))


def forget(path: Path) -> None:
    """Removes a fetched file that proved useless, and the trust in its digest."""
    path.unlink(missing_ok=True)
    _record(path).unlink(missing_ok=True)


def digest(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal; found out once while nothing touches the file."""
    facts = path.stat()
    touched = max(facts.st_mtime_ns, facts.st_ctime_ns)
    settled = time.time_ns() - touched > CLOCK_TICK_NS
    find_out = _digest_of if settled else _digest_of.__wrapped__
    return find_out(path, facts.st_dev, facts.st_ino, facts.st_size, touched)


@lru_cache(maxsize=32)
def _digest_of(path: Path, *facts: int) -> str:  # noqa: ARG001  # the cache's key
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
    return sha256.hexdigest()


def _place(url: str, cache: Path | None) -> Path:
    parts = urllib.parse.urlsplit(url)
    # The host is part of the path: two mirrors may disagree about a file of the same name.
    return (cache or user_cache.folder()) / parts.netloc.replace(":", "_") / parts.path.lstrip("/")


def _unreachable(url: str, reason: str) -> UnreachableWeightsError:
    return UnreachableWeightsError(
        f"cannot download {url}: {reason}. Check the connection and run again (what has arrived is "
        "kept), or fetch the file elsewhere and give its path instead."
    )


def _is_complete(path: Path, sha256: str | None) -> bool:
    """Whether the file is there and is what was expected, or what came the first time."""
    expected = sha256 or _recorded_digest(path)
    return expected is not None and path.exists() and digest(path) == expected


def _accept(url: str, path: Path, expected: str | None) -> None:
    """Gives a complete `*.part` its own name, or deletes it if it is not what was expected."""
    part = _partial(path)
    received = digest(part)
    if expected and received != expected:
        _discard(part)
        raise WeightsError(
            f"{url} does not have the expected sha256. Expected: {expected}. Received: {received}. "
            f"If the file was replaced on purpose, delete {_record(path)} and run again."
        )
    # The record first: after a crash in between, a file without a record would be trusted anew.
    whole_file.write(_record(path), [f"{received}  {path.name}\n".encode()])
    part.replace(path)
    _validator(part).unlink(missing_ok=True)


def _download(url: str, path: Path, progress: bool) -> None:
    part = _partial(path)
    session = requests.Session()
    # For a server under load. A cut in the middle is continued below, and a host that is not there
    # will not be there a second later.
    retry = urllib3.Retry(
        total=3,
        connect=0,
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,  # the last answer says more than "too many retries"
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))
    with session, _Bar(path.name, progress) as bar:
        for attempt in range(CONTINUATIONS + 1):
            before = _size(part)
            try:
                return _receive(session, url, part, bar)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                # Without a single new byte another attempt would only repeat the wait.
                if attempt == CONTINUATIONS or _size(part) <= before:
                    raise
    return None


def _receive(session: requests.Session, url: str, part: Path, bar: "_Bar") -> None:
    """Appends to `part` what is missing of it."""
    offset = _size(part)
    headers = {"Accept-Encoding": "identity"}  # digests and offsets are of the file itself
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if _validator(part).exists():
            headers["If-Range"] = _validator(part).read_text()
    with session.get(
        url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    ) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            if total == str(offset):
                return  # complete, but the process died before it could say so
            _discard(part)
            raise requests.ConnectionError("the file has changed since the download began")
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            offset = 0  # the server sends everything: no ranges, or the file has changed
        length = response.headers.get("Content-Length")
        total_bytes = offset + int(length) if length else None
        # If-Range forbids weak validators.
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        with part.open("r+b" if offset else "wb") as file:
            if validator and not validator.startswith("W/"):
                _validator(part).write_text(validator)
            file.seek(offset)
            bar.start(offset, total_bytes)
            for chunk in response.iter_content(RECEIVED_BYTES):
                file.write(chunk)
                bar.advance(len(chunk))
        if total_bytes is not None and _size(part) != total_bytes:
            raise requests.ConnectionError(
                f"the connection ended after {_size(part)} of {total_bytes} bytes"
            )


class _Bar:
    """A progress bar that appears with the first byte; nothing at all if not `visible`."""

    def __init__(self, title: str, visible: bool) -> None:
        self._title = title
        self._display = None
        if visible:
            self._display = rich.progress.Progress(
                "{task.description}",
                rich.progress.BarColumn(),
                rich.progress.DownloadColumn(),
                rich.progress.TransferSpeedColumn(),
                rich.progress.TimeRemainingColumn(),
                console=rich.console.Console(stderr=True),
            )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None and self._display.tasks:
            self._display.stop()

    def start(self, completed: int, total: int | None) -> None:
        if self._display is not None:
            if not self._display.tasks:
                self._display.add_task(self._title)
                self._display.start()
            self._display.update(self._display.tasks[0].id, completed=completed, total=total)

    def advance(self, count: int) -> None:
        if self._display is not None:
            self._display.advance(self._display.tasks[0].id, count)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Processes that download into one folder take turns; the lock ends with its process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".validator")


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded_digest(path: Path) -> str | None:
    record = _record(path)
    return record.read_text().split()[0] if record.exists() else None


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.ConnectionError) and "bytes" not in str(error):
        return "the server cannot be reached"
    return str(error)
