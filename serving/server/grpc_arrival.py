"""gRPC requests that are not waited for for ever, nor all at once.

A request counts as begun with its head. Until its message is whole, gRPC keeps what has come of it,
and neither tells how much that is nor closes the call: so the calls in this state are limited, in
time and, once they could hold the budget, in number.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from serving.server.options import Limits

_LOOK_S = 0.5
# What gRPC is told nothing about is taken for the pace of a slow line.
_BYTES_PER_S = 2**20
# So long any client may take, however many others are there: messages come while the loop is busy.
_UNTROUBLED_S = 2.0


class Arrivals(grpc.aio.ServerInterceptor):
    """Waits for the messages of all unary calls.

    Args:
        limits: numbers and times.
    """

    def __init__(self, limits: Limits) -> None:
        self._most_s = limits.body_s + limits.max_message_bytes / _BYTES_PER_S
        self._most = max(1, limits.max_buffered_bytes // limits.max_message_bytes)
        self._waiting: dict[asyncio.Task[Any], float] = {}  # the oldest first
        self._ended: dict[asyncio.Task[Any], str] = {}
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Gives unary methods a handler that waits no longer than it should."""
        method = handler_call_details.method
        if method in self._handlers:
            return self._handlers[method]
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        # On the wire, a call with one message is a stream of one.
        made = grpc.stream_unary_rpc_method_handler(
            self._waiting_for(handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._handlers[method] = made
        return made

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Ends calls that are late, until the context is left."""

        async def watch() -> None:
            while True:
                await asyncio.sleep(_LOOK_S)
                self._end_late(asyncio.get_running_loop().time())

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()

    def _end_late(self, now_s: float) -> None:
        for number, (task, since_s) in enumerate(list(self._waiting.items())):
            if now_s - since_s > self._most_s:
                self._end(task, f"The request did not arrive within {self._most_s:.0f} s.")
            elif len(self._waiting) - number > self._most and now_s - since_s > _UNTROUBLED_S:
                self._end(task, "Too many requests are arriving. Try again later.")
            else:
                break

    def _end(self, task: asyncio.Task[Any], reason: str) -> None:
        self._ended[task] = reason
        task.cancel()

    def _waiting_for(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def answer(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> Any:
            task = asyncio.current_task()
            assert task is not None
            self._waiting[task] = asyncio.get_running_loop().time()
            try:
                request = await requests.__anext__()
            except StopAsyncIteration:
                await context.abort(grpc.StatusCode.INTERNAL, "The request has no message.")
            except asyncio.CancelledError:
                reason = self._ended.pop(task, None)
                if reason is None:  # the client has hung up
                    raise
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
            finally:
                self._waiting.pop(task, None)
            return await method(request, context)

        return answer
