"""Single files of web servers, http:// and https://, by requests: to read, as nothing lists them.

Addresses on the web go stale one by one. So a server that does not answer is the fault of the file
that was asked for, unlike a store that holds all of a data set.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import Retry

from bitpipe.errors import StoreError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.objects import ObjectStore, denied, missing
from bitpipe.stores.paths import WEB
from bitpipe.stores.store import Entry, Found, UnfitFileError

_SECONDS = (5, 60)  # to connect, and between two bytes
_RETRIES = Retry(
    total=2,
    backoff_factor=0.5,  # then 1 second
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    respect_retry_after_header=False,  # it may ask for hours
)
_NOT_REACHED = (NewConnectionError, ConnectTimeoutError)
_GONE_SECONDS = 60
_REDIRECTS = 5
_CONNECTIONS = 64
_MISSING, _DENIED, _NO_HEAD = (404, 410), (401, 403), (400, 403, 405, 501)


class WebStore(ObjectStore):
    """See `ObjectStore`; nothing can be listed, written or removed.

    Args:
        path: an address in it.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Raises StoreError: a web server does not say what it has."""
        self._refuse(f"{folder} cannot be listed: web servers do not say what they have")

    def match(self, pattern: str) -> Iterable[str]:
        """Raises StoreError, as `below`."""
        self._refuse(f"{pattern} cannot be listed: web servers do not say what they have")

    def find(self, given: str, wanted: Callable[[Entry], bool]) -> Iterator[Found]:  # noqa: ARG002
        """See `Store`: what is given is a file."""
        yield Found(given)

    def entry(self, path: str) -> Entry:
        """See `ObjectStore`; without size and time where the server does not tell them."""
        name = path.rpartition("/")[2]
        with _Connections.here().ask("HEAD", path) as answer:
            if answer.status_code in _NO_HEAD:
                return Entry(name, False)
            _check(answer, path)
            size = int(answer.headers.get("Content-Length") or 0)
            return Entry(name, False, size, _time(answer.headers.get("Last-Modified", "")))

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `ObjectStore`."""
        yield self.read(path)

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        return self._read(path, max_bytes)

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`. Servers that know no ranges send all up to there."""
        if not size:
            return b""
        return self._read(path, size, start)

    def _read(self, path: str, max_bytes: int, start: int | None = None) -> bytes:
        ranged = start is not None
        headers = {"Range": f"bytes={start}-{start + max_bytes - 1}"} if start is not None else {}
        with _Connections.here().ask("GET", path, headers) as answer:
            if ranged and answer.status_code == requests.codes.requested_range_not_satisfiable:
                return b""
            _check(answer, path)
            skipped = 0
            if start is not None and answer.status_code != requests.codes.partial_content:
                skipped = start
            length = int(answer.headers.get("Content-Length") or 0)
            most = skipped + max_bytes
            if length > most and not ranged:
                raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
            data = _received(answer, most + 1, path)
            if len(data) < min(length, most) and "Content-Encoding" not in answer.headers:
                raise UnfitFileError(errno.EIO, "the server stopped in the middle", path)
            if len(data) > most and not ranged:
                raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
            return data[skipped:most]

    def write(self, path: str, parts: Iterable[bytes]) -> None:  # noqa: ARG002
        """Raises StoreError."""
        self._refuse(f"{path} cannot be written: web servers are only read from")

    def delete(self, path: str) -> None:
        """Raises StoreError."""
        self._refuse(f"{path} cannot be removed: web servers are only read from")

    def _refuse(self, what: str) -> NoReturn:
        raise StoreError(
            f"{what}. Name a folder of this machine or of a store, or a manifest with the "
            "addresses of the pictures."
        )


class _Connections:
    """Of one process, as those of its parent must not be shared."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.max_redirects = _REDIRECTS
        adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=_RETRIES)
        for scheme in WEB:
            self._session.mount(scheme, adapter)
        self._gone: dict[str, float] = {}  # host -> until when

    @staticmethod
    def here() -> "_Connections":
        return _of_process(os.getpid())

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """The beginning of an answer; UnfitFileError where there is none."""
        try:
            host = urlsplit(path).netloc
        except ValueError as error:
            raise UnfitFileError(errno.EINVAL, f"the address is none ({error})", path) from error
        reason = f"{host or path} does not answer"
        # Else a data set on a server that is gone would take half a minute for each picture.
        if time.monotonic() < self._gone.get(host, 0):
            raise UnfitFileError(errno.EHOSTUNREACH, reason, path)
        try:
            return self._session.request(
                method, path, headers=headers, timeout=_SECONDS, stream=True, allow_redirects=True
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            if isinstance(getattr(next(iter(error.args), None), "reason", None), _NOT_REACHED):
                self._gone[host] = time.monotonic() + _GONE_SECONDS
            raise UnfitFileError(errno.EHOSTUNREACH, reason, path) from error
        except (requests.RequestException, ValueError) as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise UnfitFileError(
                errno.EINVAL, f"the address cannot be read ({reason})", path
            ) from error


@lru_cache(maxsize=2)
def _of_process(process: int) -> _Connections:  # noqa: ARG001  # the cache's key
    return _Connections()


def _check(answer: requests.Response, path: str) -> None:
    status = answer.status_code
    if status in _MISSING:
        raise missing(path)
    if status in _DENIED:
        raise denied(path)
    if not answer.ok:
        raise UnfitFileError(errno.EIO, f"the server answers {status} {answer.reason}", path)


def _received(answer: requests.Response, most: int, path: str) -> bytes:
    data = bytearray()
    try:
        for chunk in answer.iter_content(1 << 16):
            data += chunk
            if len(data) >= most:
                break
    except requests.RequestException as error:
        raise UnfitFileError(errno.EIO, "the server stopped in the middle", path) from error
    return bytes(data[:most])


def _time(text: str) -> int:
    """Nanoseconds since 1970; 0 for what is no date."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1e9)
    except (TypeError, ValueError):
        return 0
