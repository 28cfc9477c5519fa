"""HTTP connections that are not left open for ever: their number, and how long each may take."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.server.options import Limits

_log = logging.getLogger(__name__)
_LOOK_S = 0.5  # between two looks at all of them


class Connection(H11Protocol):
    """A connection that is closed when a request, or the reading of a reply, takes too long.

    uvicorn itself only closes those that are idle between two requests.

    Args:
        limits: numbers and times.
        others: what uvicorn gives its protocols.
    """

    def __init__(self, limits: Limits, *others: Any, **named: Any) -> None:
        super().__init__(*others, **named)
        self._limits = limits
        self._request: Any = None
        self._since_s = 0.0  # when what is waited for began
        self._received = 0  # bytes of the body, since then
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room by closing the one that has been waited for longest, if need be."""
        super().connection_made(transport)
        self._since_s = self.loop.time()
        if len(self.connections) > self._limits.max_connections:
            waited_for = [c for c in self.connections if c._is_waited_for()]  # type: ignore[union-attr]
            oldest = min(waited_for, key=lambda c: c._since_s, default=self)  # type: ignore[union-attr]
            _log.warning("Closed a connection: there are more than %d", len(self.connections) - 1)
            oldest.transport.abort()
            self.connections.discard(oldest)

    def data_received(self, data: bytes) -> None:
        """Counts what comes of a body."""
        super().data_received(data)
        self._received += len(data)

    def handle_events(self) -> None:
        """Notes when a request has begun, also one that was sent before the last was answered."""
        super().handle_events()
        if self.cycle is not self._request:
            self._request, self._received = self.cycle, 0
            self._since_s = self.loop.time()

    def on_response_complete(self) -> None:
        """Waits for the next request from now on."""
        self._since_s = self.loop.time()
        super().on_response_complete()

    def close_if_late(self, now_s: float) -> None:
        """Closes it where it has taken too long; `now_s` is the loop's time."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent, self._since_s = unsent, now_s
        if self._is_waited_for():
            limits = self._limits
            allowed_s = limits.head_s
            if self._request is not None and not self._request.response_complete:
                allowed_s = limits.body_s
                # Judged by what comes in each such time: a burst at the beginning buys no rest.
                if now_s - self._since_s > allowed_s and (
                    self._received >= limits.min_bytes_per_s * allowed_s
                ):
                    self._received, self._since_s = 0, now_s
        elif unsent:
            allowed_s = self._limits.body_s
        else:  # the model's turn
            return
        if now_s - self._since_s > allowed_s:
            _log.warning("Closed a connection on which no whole request or reply went in time")
            self.transport.abort()

    def close_if_unfinished(self) -> None:
        """Closes it where its request has not come as a whole yet."""
        if self._is_waited_for():
            self.transport.abort()

    def _is_waited_for(self) -> bool:
        """Whether it is the client's turn: to send a request or the rest of one."""
        request = self._request
        return request is None or request.response_complete or request.more_body


@contextlib.asynccontextmanager
async def watched(connections: set[Any]) -> AsyncIterator[None]:
    """Closes those of the connections that are late, until the context is left."""

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_S)
            for connection in list(connections):
                connection.close_if_late(loop.time())

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
