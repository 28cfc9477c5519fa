"""What a single client can do at its worst, each kind until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from benchmarks.serving import damage, models, payloads, pictures
from benchmarks.serving.clients import GrpcClient, send_raw
from benchmarks.serving.load import OK
from benchmarks.serving.processes import Server

ANSWER_S = 60.0
AT_ONCE = 8
SLOW_CLIENTS = 1_100  # more than the connections of a port
BODIES = 30
_PAUSE_S = 0.05

Attack = Callable[[Server, asyncio.Event], Coroutine[Any, Any, "Counter[str]"]]


def hostile_pictures(side: int, model: str = models.TINY) -> list[bytes]:
    """Serialized requests for pictures that cost a decoder time or memory.

    Args:
        side: of the large ones, in pixels.
        model: its name.
    """
    return [
        payloads.predict(model, [data])
        for data in (
            damage.slow_jpeg(side),
            damage.slow_jpeg(side, 50),  # which no limit of scans refuses
            damage.second_frame(40_000),
            damage.many_frames(40, 1_000),
            damage.largest(),
            b"GIF88a" + bytes(100),
        )
    ]


def many_parts(model: str = models.TINY) -> list[bytes]:
    """Serialized requests of which little would be made into much."""
    dims = b"".join([payloads.field(2, b"\x08\x01")] * 2_500_000)
    shapes = (
        payloads.field(2, b"\x08" + b"\x80\x87\xa7\x0e"),  # [30000000]
        dims,
    )
    name = payloads.field(1, model.encode())
    requests = []
    for shape in shapes:
        tensor = b"\x08\x07" + payloads.field(2, shape) + payloads.field(8, b"x")
        entry = payloads.field(1, b"image") + payloads.field(2, tensor)
        requests.append(payloads.field(1, name) + payloads.field(2, entry))
    return requests


def many_values(model: str = models.TINY) -> list[bytes]:
    """HTTP requests whose few bytes hold millions of strings, lists or numbers."""
    bodies = (
        b'{"instances": [' + b'"",' * 2_500_000 + b'""]}',
        b'{"instances": [' + b"[]," * 300_000 + b"[]]}",
        b'{"inputs": [[' + b"1," * 1_000_000 + b"1]]}",
        b"[" * 5_000_000,
    )
    return [_post(model, gzip.compress(body, 9), "Content-Encoding: gzip") for body in bodies]


def foreign(model: str = models.TINY) -> list[bytes]:
    """HTTP requests as a browser sends them for another's page."""
    body = payloads.predict_json([pictures.encode(0)])
    return [
        _post(model, body, "Content-Type: text/plain", "Origin: https://evil.example"),
        _post(model, body, "Content-Type: text/plain", "Origin: null"),
        _post(model, body, "Origin: http://evil.example:8501", host="evil.example:8501"),
    ]


def _post(model: str, body: bytes, *headers: str, host: str = "localhost") -> bytes:
    lines = [
        f"POST {payloads.predict_path(model)} HTTP/1.1",
        f"Host: {host}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def over_grpc(requests: Iterable[bytes]) -> Attack:
    """Sends the requests in turn, several at a time."""
    ready = list(requests)

    async def attack(server: Server, stop: asyncio.Event) -> Counter[str]:
        async with GrpcClient(server.address, channels=2) as client:

            async def send(request: bytes) -> str:
                return (await client.call(payloads.PREDICT, request, ANSWER_S)).code

            return await _repeat(ready, send, stop)

    return attack


def over_rest(requests: Iterable[bytes]) -> Attack:
    """The same over HTTP."""
    ready = list(requests)

    async def attack(server: Server, stop: asyncio.Event) -> Counter[str]:
        async def send(request: bytes) -> str:
            address = server.rest_address
            return (await send_raw(address, request, half_close=False, timeout_s=ANSWER_S)).code

        return await _repeat(ready, send, stop)

    return attack


async def _repeat(
    ready: list[bytes], send: Callable[[bytes], Awaitable[str]], stop: asyncio.Event
) -> Counter[str]:
    codes: Counter[str] = Counter()

    async def worker(number: int) -> None:
        while not stop.is_set():
            code = await send(ready[number % len(ready)])
            codes[code] += 1
            number += 1
            if code != OK:  # refused at once: an attacker that takes the whole processor is another
                await asyncio.sleep(_PAUSE_S)

    await asyncio.gather(*(worker(number) for number in range(AT_ONCE)))
    return codes


async def slow_clients(server: Server, stop: asyncio.Event) -> Counter[str]:
    """Opens connections that send nothing, half a head or half a body, and keeps them open."""
    writers: list[asyncio.StreamWriter] = []
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n"
    codes: Counter[str] = Counter()

    async def hold(address: str, data: bytes, name: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            codes[f"{name}: refused"] += 1
            return
        codes[name] += 1
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.TimeoutError):  # it takes no more
            writer.write(data)
            await asyncio.wait_for(writer.drain(), 1)

    try:
        for number in range(SLOW_CLIENTS):
            if stop.is_set():
                break
            await hold(server.rest_address, (b"", head[:-2], head)[number % 3], "REST")
            if number % 4 == 0:
                await hold(server.address, b"", "gRPC")
        path = payloads.predict_path(models.TINY).encode()
        for _ in range(BODIES):
            if not stop.is_set():
                data = head.replace(b" / ", b" " + path + b" ", 1) + bytes(50_000_000)
                await hold(server.rest_address, data, "half a body")
        await stop.wait()
    finally:
        for writer in writers:
            writer.transport.abort()
    return codes


def describe(codes: Counter[str]) -> str:
    """Codes and how often, the most frequent first."""
    return json.dumps(dict(codes.most_common())).strip("{}").replace('"', "")
