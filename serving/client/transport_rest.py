"""TensorFlow Serving's REST API."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from bitpipe.errors import RequestRejectedError, ServingError
from serving.client import codec_json
from serving.client.codec import ModelMetadata, ModelRef, Prediction, VersionStatus
from serving.client.connection import Connection, KeepAlive
from serving.client.failures import Failures

# ToHTTPStatusCode of model_servers/http_server.cc, from the other side. Where several codes have
# one status, the first; 413 and 408 come from gateways and the embedded server.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
_DEADLINE = (408, 504)
_TOO_LARGE = 413
_PART_BYTES = 2**16
_VERSION_AGE_S = 1.0
# The embedded server's addition; TensorFlow Serving does not tell.
_VERSION_HEADER = "X-Model-Version"


class RestTransport:
    """Calls one model; safe to share between threads.

    TensorFlow Serving's replies do not tell which version made them. It is taken from the embedded
    server's header, else from the request if a version was asked for, else from the model's status:
    the newest version AVAILABLE, or of that label, at most a second before the reply.
    """

    def __init__(self, connection: Connection, model: ModelRef) -> None:
        self._model = model
        self._timeout_s = connection.timeout_s
        self._retry = connection.retry
        self._max_bytes = connection.max_message_bytes
        self._target = connection.address.target
        self._failures = Failures(str(connection.address), model.name, connection.timeout_s)
        self.batch_bytes = connection.max_message_bytes - codec_json.BODY_BYTES
        self._url = f"{connection.address}/v1/models/{quote(model.name, safe='')}"
        if model.version is not None:
            self._url += f"/versions/{model.version}"
        if model.label is not None:
            self._url += f"/labels/{quote(model.label, safe='')}"
        self._session = _session(connection)
        tls = connection.secured_by
        # With every request: of a session's own, requests prefers what the environment names.
        self._tls: dict[str, Any] = {"verify": str(tls.ca) if tls and tls.ca else True}
        if tls and tls.certificate:
            self._tls["cert"] = (str(tls.certificate), str(tls.key))
        self._lock = threading.Lock()
        self._version = model.version or 0
        self._version_until = float("-inf") if model.version is None else float("inf")

    def close(self) -> None:
        """See `Transport`."""
        self._session.close()

    def picture_bytes(self, data: bytes) -> int:
        """See `Transport`: base64 takes a third more."""
        return codec_json.instance_bytes(data)

    def predict(self, pictures: Sequence[bytes], signature: str) -> list[Prediction]:
        """See `Transport`."""
        body = codec_json.predict_body(pictures, signature)
        if len(body) > self._max_bytes:
            raise self._failures.too_large(f"it has {len(body)} of {self._max_bytes} bytes")
        reply, told = self._call("POST", ":predict", body)
        version = int(told) if told.isdecimal() else self._current_version()
        return codec_json.predictions(reply, len(pictures), version)

    def metadata(self) -> ModelMetadata:
        """See `Transport`."""
        return codec_json.metadata(self._call("GET", "/metadata")[0])

    def status(self) -> list[VersionStatus]:
        """See `Transport`."""
        return codec_json.statuses(self._call("GET", "")[0])

    def _current_version(self) -> int:
        with self._lock:
            if time.monotonic() > self._version_until:
                self._version = next(
                    (known.version for known in self._known() if known.state == "AVAILABLE"), 0
                )
                self._version_until = time.monotonic() + _VERSION_AGE_S
            return self._version

    def _known(self) -> list[VersionStatus]:
        try:
            return self.status()
        except RequestRejectedError:  # a gateway that lets predictions through, and nothing else
            return []

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[bytes, str]:
        """The reply, and the version it says to come from."""

        def attempt(left_s: float) -> tuple[bytes, str]:
            try:
                return self._send(method, path, body, left_s)
            except requests.Timeout as error:
                raise self._failures.deadline() from error
            except requests.exceptions.SSLError as error:
                raise self._failures.insecure(_cause(error)) from error
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                if _is_no_http(error):
                    raise self._failures.speaks_grpc(self._target) from error
                raise self._failures.unreachable(_cause(error)) from error
            except requests.RequestException as error:
                raise self._failures.answered("UNKNOWN", _cause(error)) from error

        return self._retry.call(attempt, self._timeout_s)

    def _send(self, method: str, path: str, body: bytes | None, left_s: float) -> tuple[bytes, str]:
        end = time.monotonic() + left_s
        with self._session.request(
            method,
            self._url + path,
            data=body,
            headers={"Content-Type": "application/json"} if body is not None else {},
            timeout=left_s,
            stream=True,
            allow_redirects=False,  # would turn a POST into a GET
            **self._tls,
        ) as response:
            reply = self._read(response, end)
        if response.status_code != 200:
            raise self._explain(response, reply)
        return reply, response.headers.get(_VERSION_HEADER, "")

    def _read(self, response: requests.Response, end: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_content(_PART_BYTES):
            size += len(part)
            if size > self._max_bytes:
                raise self._failures.too_large(f"the reply exceeds {self._max_bytes} bytes")
            if time.monotonic() > end:
                raise requests.Timeout
            parts.append(part)
        return b"".join(parts)

    def _explain(self, response: requests.Response, reply: bytes) -> ServingError:
        status, text = response.status_code, codec_json.error_text(reply)
        if status in _DEADLINE:
            return self._failures.deadline()
        if status == _TOO_LARGE:
            return self._failures.too_large(text)
        if 300 <= status < 400:
            text = f"it redirects to {response.headers.get('Location', 'nowhere')}"
            return self._failures.answered("NOT_FOUND", text)
        retry_after = response.headers.get("Retry-After", "")
        return self._failures.answered(
            _CODES.get(status, f"HTTP {status}"),
            text,
            float(retry_after) if retry_after.isdecimal() else 0.0,
        )


def _session(connection: Connection) -> requests.Session:
    session = requests.Session()
    # http_proxy is set on many office machines, and no_proxy often forgets loopback.
    session.trust_env = not connection.address.is_loopback
    adapter = _KeepAliveAdapter(connection.keep_alive, connection.in_flight)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


class _KeepAliveAdapter(HTTPAdapter):
    """Keeps as many connections as there are calls at once, and probes those which are silent."""

    def __init__(self, keep_alive: KeepAlive, connections: int) -> None:
        self._socket_options = _socket_options(keep_alive)
        super().__init__(pool_maxsize=connections, max_retries=0)  # `Retry` does it

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, socket_options=self._socket_options, **kwargs)


def _socket_options(keep_alive: KeepAlive) -> list[tuple[int, int, int]]:
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # urllib3's default, which a list replaces
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    seconds = {
        "TCP_KEEPIDLE": keep_alive.after_s,
        "TCP_KEEPALIVE": keep_alive.after_s,  # macOS' name
        "TCP_KEEPINTVL": keep_alive.timeout_s,
    }
    for name, value in seconds.items():
        if hasattr(socket, name):
            number = getattr(socket, name)
            options.append((socket.IPPROTO_TCP, number, max(1, round(value))))
    return options


def _cause(error: Exception) -> str:
    """The innermost reason: what is around it names urllib3's objects and their addresses."""
    inner = list(_chain(error))[-1]
    return str(inner).rpartition(": ")[2] or type(inner).__name__


def _is_no_http(error: Exception) -> bool:
    """Whether what came was no HTTP; a server that hangs up has sent nothing."""
    inner = list(_chain(error))[-1]
    return isinstance(inner, BadStatusLine) and not isinstance(inner, RemoteDisconnected)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its reason, that one's reason and so on."""
    deeper: BaseException | None = error
    while deeper is not None:
        yield deeper
        candidates = (getattr(deeper, "reason", None), *deeper.args)
        deeper = next((one for one in candidates if isinstance(one, BaseException)), None)
