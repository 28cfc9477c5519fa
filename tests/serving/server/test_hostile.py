"""What a single client can do at its worst is refused, and others hardly wait for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.serving import attacks, damage, payloads, pictures
from benchmarks.serving.clients import GrpcClient, Reply, send_raw
from serving.server import ModelServer

MODEL = "colours"
GOOD = payloads.predict(MODEL, [pictures.encode(0)])
MOST_S = (
    3.0  # beside other tests; `make bench-serving` holds it to a second, before it was 20 to 40
)


@pytest.fixture(scope="module")
def server(
    push: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    push(models / MODEL, 1)
    with ModelServer(models, MODEL, port=0, rest_port=0) as server:
        yield server


def attacked(
    server: ModelServer, send: Callable[[GrpcClient, bytes], Awaitable[Reply]], data: list[bytes]
) -> list[Reply]:
    """The replies to all of `data` at once, while good requests and health checks are sent."""

    async def attack() -> list[Reply]:
        async with (
            GrpcClient(server.address, channels=1) as client,
            GrpcClient(server.address, channels=1) as other,
        ):
            assert (await client.call(payloads.PREDICT, GOOD)).code == "OK"
            attack = asyncio.gather(*(send(other, one) for one in data))
            rounds = 0
            while not attack.done() or rounds < 3:
                for method, request in ((payloads.PREDICT, GOOD), (payloads.HEALTH, b"")):
                    began = time.perf_counter()
                    assert (await client.call(method, request)).code == "OK"
                    assert time.perf_counter() - began < MOST_S
                rounds += 1
                await asyncio.sleep(0.02)
            return await attack

    return asyncio.run(attack())


async def over_grpc(client: GrpcClient, request: bytes) -> Reply:
    return await client.call(payloads.PREDICT, request)


def codes(replies: list[Reply]) -> list[str]:
    return [reply.code for reply in replies]


def test_pictures_that_are_larger_or_slower_than_they_seem(server: ModelServer) -> None:
    files = [
        damage.second_frame(40_000),
        damage.many_frames(40, 1_000),
        b"GIF88a" + bytes(100),
        damage.slow_jpeg(3_000),
    ]
    sent = [payloads.predict(MODEL, [file]) for file in files]
    assert codes(attacked(server, over_grpc, sent)) == ["INVALID_ARGUMENT"] * 4


def test_large_pictures_are_answered_beside_others(server: ModelServer) -> None:
    sent = [payloads.predict(MODEL, [damage.largest()])] * 3
    assert codes(attacked(server, over_grpc, sent)) == ["OK"] * 3


def test_messages_of_many_parts(server: ModelServer) -> None:
    replies = attacked(server, over_grpc, attacks.many_parts(MODEL))
    assert codes(replies) == ["INVALID_ARGUMENT"] * 2
    assert "may have 67108864 bytes" in replies[0].text
    assert "may have 65536 fields" in replies[1].text


def test_bodies_of_many_values(server: ModelServer) -> None:
    async def over_rest(_: GrpcClient, request: bytes) -> Reply:
        address = server.rest_address or ""
        return await send_raw(address, request, half_close=False, timeout_s=60)

    assert codes(attacked(server, over_rest, attacks.many_values(MODEL))) == ["400"] * 4


def test_requests_of_foreign_pages(server: ModelServer) -> None:
    async def over_rest(_: GrpcClient, request: bytes) -> Reply:
        address = server.rest_address or ""
        return await send_raw(address, request, half_close=False, timeout_s=60)

    assert codes(attacked(server, over_rest, attacks.foreign(MODEL))) == ["403"] * 3
    smuggled = (
        b"POST /v1/models/colours:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert codes(attacked(server, over_rest, [smuggled])) == ["400"]
