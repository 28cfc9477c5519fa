"""Slow and idle clients lose their connection; those who do their part keep it."""

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from serving.server import http_connections
from serving.server.options import Limits

LIMITS = Limits(max_connections=4, head_s=0.6, body_s=0.6, min_bytes_per_s=1000)
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
WHOLE = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
LATE_S = 4.0

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[bytes], Awaitable[Client]]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, takes the time that the path says, and replies as much as the query says."""
    while (await receive())["more_body"]:
        pass
    await asyncio.sleep(float(scope["path"][1:] or 0))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    size = int(scope["query_string"] or b"2")
    for _ in range(max(1, size // 2**20)):
        part = {"type": "http.response.body", "body": b"x" * min(size, 2**20), "more_body": True}
        await send(part)
    await send({"type": "http.response.body", "body": b""})


def serving(scenario: Callable[[Connect], Awaitable[None]]) -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        factory: Any = functools.partial(http_connections.Connection, LIMITS)
        config = uvicorn.Config(answer, http=factory, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([listener]))
        opened: list[asyncio.StreamWriter] = []

        async def connect(data: bytes) -> Client:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            opened.append(writer)
            writer.write(data)
            await asyncio.sleep(0.05)
            return reader, writer

        async with http_connections.watched(server.server_state.connections):
            while not server.started:
                await asyncio.sleep(0.01)
            await scenario(connect)
        for writer in opened:
            writer.close()
        server.should_exit = True
        await asyncio.wait_for(task, 5)

    asyncio.run(run())


async def is_closed(client: Client, within_s: float = LATE_S) -> bool:
    """Whether the server closes the connection without a word, or after what it has answered."""
    try:
        await asyncio.wait_for(client[0].read(), within_s)
    except asyncio.TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST / HT", HEAD[:-2], HEAD, HEAD + b"x" * 99, WHOLE + HEAD[:-9], WHOLE + HEAD],
    ids=["nothing", "word", "head", "no body", "half a body", "second head", "second body"],
)
def test_a_client_that_stops_in_between_loses_its_connection(sent: bytes) -> None:
    async def scenario(connect: Connect) -> None:
        assert await is_closed(await connect(sent))

    serving(scenario)


def test_a_client_that_drips_loses_its_connection() -> None:
    async def scenario(connect: Connect) -> None:
        reader, writer = await connect(HEAD)
        reading = asyncio.create_task(is_closed((reader, writer)))
        while not reading.done():  # forty bytes a second
            writer.write(b"xx")
            await asyncio.sleep(0.05)
        assert await reading

    serving(scenario)


def test_a_burst_buys_no_rest() -> None:
    large = HEAD.replace(b"1000", b"60000")

    async def scenario(connect: Connect) -> None:
        client = await connect(large + b"x" * 50_000)  # at 1,000 a second good for 50 s
        assert await is_closed(client)

    serving(scenario)


def test_what_has_not_come_as_a_whole_is_closed_when_the_server_ends() -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        factory: Any = functools.partial(http_connections.Connection, Limits())
        config = uvicorn.Config(answer, http=factory, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        half = await asyncio.open_connection(*listener.getsockname())
        half[1].write(HEAD + b"x")
        asked = await asyncio.open_connection(*listener.getsockname())
        asked[1].write(WHOLE.replace(b"/ ", b"/0.5 "))
        await asyncio.sleep(0.2)
        for connection in list(server.server_state.connections):
            connection.close_if_unfinished()
        assert await is_closed(half, 1)
        assert (await asked[0].readline()).endswith(b"200 OK\r\n")
        for _, writer in (half, asked):
            writer.close()
        server.should_exit = True
        await asyncio.wait_for(task, 5)

    asyncio.run(run())


def test_a_client_that_reads_no_reply_loses_its_connection() -> None:
    async def scenario(connect: Connect) -> None:
        reader, writer = await connect(WHOLE.replace(b"/", b"/?100000000", 1))
        sock = writer.get_extra_info("socket")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(2.5)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert sock is not None
        assert await is_closed((reader, writer))

    serving(scenario)


def test_a_slow_model_and_a_steady_client_are_waited_for() -> None:
    async def scenario(connect: Connect) -> None:
        slow_model, _ = await connect(WHOLE.replace(b"/", b"/1.5", 1))
        steady, writer = await connect(HEAD)
        for _ in range(20):  # 500 bytes a second, which with the grace is enough
            writer.write(b"x" * 50)
            await asyncio.sleep(0.06)
        assert (await steady.readline()).startswith(b"HTTP/1.1 200")
        assert (await slow_model.readline()).startswith(b"HTTP/1.1 200")

    serving(scenario)


def test_the_longest_idle_one_makes_room_for_another() -> None:
    async def scenario(connect: Connect) -> None:
        busy = await connect(WHOLE.replace(b"/", b"/0.5", 1))
        idle = [await connect(b"") for _ in range(3)]
        last, _ = await connect(WHOLE)
        assert (await last.readline()).startswith(b"HTTP/1.1 200")
        assert await is_closed(idle[0], 0.2)
        assert not await is_closed(idle[1], 0.05)
        assert (await busy[0].readline()).startswith(b"HTTP/1.1 200")

    serving(scenario)
