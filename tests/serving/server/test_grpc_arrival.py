"""Calls whose message does not come are ended; others are answered as without the interceptor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from serving.server import grpc_arrival
from serving.server.grpc_arrival import Arrivals
from serving.server.options import Limits

METHOD = "/test.Service/Length"


async def length(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    if request == b"abort":
        await context.abort(grpc.StatusCode.NOT_FOUND, "as told")
    return str(len(request)).encode()


def serving(limits: Limits, scenario: Callable[[Any], Awaitable[None]]) -> None:
    async def run() -> None:
        arrivals = Arrivals(limits)
        server = grpc.aio.server(interceptors=[arrivals])
        handler = grpc.unary_unary_rpc_method_handler(length)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("test.Service", {"Length": handler})]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with arrivals.watched(), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await scenario(channel)
        await server.stop(None)

    asyncio.run(run())


async def never(released: asyncio.Event) -> AsyncIterator[bytes]:
    """The message of a client that only sends the head."""
    await released.wait()
    yield b"late"


def test_unary_calls_are_answered() -> None:
    async def scenario(channel: Any) -> None:
        call = channel.unary_unary(METHOD)
        assert await call(b"abc", timeout=5) == b"3"
        assert await call(b"", timeout=5) == b"0"
        answers = await asyncio.gather(*(call(b"x" * n, timeout=5) for n in range(50)))
        assert list(map(int, answers)) == list(range(50))
        with pytest.raises(grpc.aio.AioRpcError, match="as told"):
            await call(b"abort", timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/test.Service/Other")(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    serving(Limits(), scenario)


def test_a_message_that_does_not_come_is_given_up() -> None:
    async def scenario(channel: Any) -> None:
        with pytest.raises(grpc.aio.AioRpcError, match="did not arrive within") as caught:
            await channel.stream_unary(METHOD)(never(asyncio.Event()), timeout=5)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await channel.unary_unary(METHOD)(b"abc", timeout=5) == b"3"

    serving(Limits(max_message_bytes=2**10, body_s=0.3), scenario)


def test_of_too_many_that_do_not_come_the_oldest_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_arrival, "_UNTROUBLED_S", 0.1)

    async def scenario(channel: Any) -> None:
        released = asyncio.Event()
        calls = []
        for _ in range(5):
            call = channel.stream_unary(METHOD)(never(released), timeout=9)
            calls.append(asyncio.ensure_future(call))
            await asyncio.sleep(0.05)
        for first in calls[:3]:
            with pytest.raises(grpc.aio.AioRpcError, match="Too many requests are arriving"):
                await first
        assert await channel.unary_unary(METHOD)(b"abc", timeout=5) == b"3"
        released.set()
        assert await asyncio.gather(*calls[3:]) == [b"4"] * 2

    serving(Limits(max_message_bytes=2**10, max_buffered_bytes=2**11), scenario)


def test_a_client_that_hangs_up_is_forgotten() -> None:
    async def scenario(channel: Any) -> None:
        call = channel.stream_unary(METHOD)(never(asyncio.Event()))
        waiting = asyncio.ensure_future(call)
        await asyncio.sleep(0.2)
        waiting.cancel()
        assert await channel.unary_unary(METHOD)(b"abc", timeout=5) == b"3"

    serving(Limits(), scenario)
