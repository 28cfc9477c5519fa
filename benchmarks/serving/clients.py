"""How requests reach the server: gRPC with ready bytes, REST, and bytes without any protocol."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple

import grpc

from benchmarks.serving.load import OK

TIMEOUT_S = 30.0
MAX_MESSAGE_BYTES = 64 * 2**20
_BODY_S = 0.2
CLOSED, HANGS = "CLOSED", "HANGS"  # no answer: the connection was closed, or nothing happened


class Reply(NamedTuple):
    """code: gRPC's name, HTTP's number as text, or CLOSED or HANGS; text: why it is not OK."""

    code: str
    body: bytes = b""
    text: str = ""


class GrpcClient:
    """Unary calls with serialized messages. To be used in an `async with` statement.

    Args:
        address: HOST:PORT.
        channels: connections of its own each, taken in turn.
    """

    def __init__(self, address: str, channels: int = 2) -> None:
        options = [
            ("grpc.use_local_subchannel_pool", 1),  # else all share one connection
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ]
        self._channels = [grpc.aio.insecure_channel(address, options) for _ in range(channels)]
        self._turns: dict[str, itertools.cycle[grpc.aio.UnaryUnaryMultiCallable]] = {}

    async def __aenter__(self) -> GrpcClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for channel in self._channels:
            await channel.close()

    async def call(self, method: str, request: bytes, timeout_s: float = TIMEOUT_S) -> Reply:
        """One call of /PACKAGE.SERVICE/METHOD."""
        if method not in self._turns:
            calls = [channel.unary_unary(method) for channel in self._channels]
            self._turns[method] = itertools.cycle(calls)
        try:
            return Reply(OK, await next(self._turns[method])(request, timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            return Reply(error.code().name, b"", error.details() or "")


class RestClient:
    """HTTP/1.1 in threads, with a lasting connection each. To be used in a `with` statement.

    Args:
        address: HOST:PORT.
        threads: requests at once; more wait for their turn.
    """

    def __init__(self, address: str, threads: int = 4) -> None:
        self._address = address
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rest")
        self._connections: list[http.client.HTTPConnection] = []

    def __enter__(self) -> RestClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    async def call(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """One request, over a kept connection.

        Args:
            method: of HTTP.
            path: with the leading slash.
            body: JSON, if there is one.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, method, path, body)

    def _call(self, method: str, path: str, body: bytes | None) -> Reply:
        connection = self._connection()
        headers: Mapping[str, str] = {"Content-Type": "application/json"} if body else {}
        for attempt in (1, 2):
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return Reply(str(response.status), response.read())
            except TimeoutError:
                connection.close()
                return Reply(HANGS)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server may close a connection that has been idle just when it is used again.
                if attempt == 2 or not isinstance(
                    error, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
                ):
                    return Reply(CLOSED, b"", repr(error))
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
            self._local.connection = connection
            self._connections.append(connection)
        connection = self._local.connection
        assert isinstance(connection, http.client.HTTPConnection)
        return connection


async def send_raw(address: str, data: bytes, *, half_close: bool, timeout_s: float) -> Reply:
    """Sends bytes over a connection of their own and takes the status line of what comes back.

    Args:
        address: HOST:PORT.
        data: anything.
        half_close: says that nothing will follow. A server that has understood a request may then
            give it up; one that has not would wait for more.
        timeout_s: for the first bytes of an answer.
    """
    host, _, port = address.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        return Reply(CLOSED, b"", repr(error))
    try:
        writer.write(data)
        if half_close:
            writer.write_eof()
        received = await asyncio.wait_for(reader.read(2**16), timeout_s)
        if received.endswith(b"\r\n\r\n"):  # the body follows apart, if there is one
            with contextlib.suppress(asyncio.TimeoutError, OSError):
                received += await asyncio.wait_for(reader.read(2**16), _BODY_S)
    except asyncio.TimeoutError:
        return Reply(HANGS)
    except OSError:
        return Reply(CLOSED)
    finally:
        writer.close()
    head, _, rest = received.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if words[0].startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit():
        return Reply(words[1].decode(), rest, rest.decode(errors="replace"))
    return Reply(CLOSED, received)
