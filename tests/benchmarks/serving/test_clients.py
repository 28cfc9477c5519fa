"""How a request ended, over gRPC, over REST and over bare connections."""

import asyncio
import socket
import struct
import threading

import grpc
import pytest

from benchmarks.serving import clients
from benchmarks.serving.clients import CLOSED, HANGS, GrpcClient, Reply, RestClient, send_raw
from tests.benchmarks.serving.servers import grpc_server, http_server, raw_server

METHOD = "/package.Service/Method"


@pytest.fixture
def nobody():
    """An address at which nobody listens, kept from others for the test."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield "{}:{}".format(*bound.getsockname())


def call_grpc(answer, *requests, channels=1, **arguments):
    """The replies to requests that are sent one after the other."""

    async def ask():
        async with grpc_server(answer) as address, GrpcClient(address, channels) as client:
            return [await client.call(METHOD, request, **arguments) for request in requests]

    return asyncio.run(ask())


def test_grpc_sends_and_returns_bytes_as_they_are():
    async def answer(method, request, _):
        return method.encode() + request[::-1]

    assert call_grpc(answer, b"\xff\x00") == [Reply("OK", METHOD.encode() + b"\x00\xff")]


def test_grpc_carries_large_messages_both_ways():
    async def answer(_, request, __):
        return request

    large = bytes(6 * 2**20)  # gRPC's own limit is 4 MiB
    assert call_grpc(answer, large) == [Reply("OK", large)]


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_grpc_error_is_told_by_its_name_and_text(code):
    async def answer(_, __, context):
        await context.abort(grpc.StatusCode[code], "why not")

    assert call_grpc(answer, b"", b"") == [Reply(code, b"", "why not")] * 2


def test_grpc_gives_up_when_nobody_answers_in_time():
    async def answer(_, __, ___):
        await asyncio.sleep(30)

    [reply] = call_grpc(answer, b"", timeout_s=0.1)
    assert reply.code == "DEADLINE_EXCEEDED"


def test_grpc_without_a_server_is_unavailable(nobody):
    async def ask():
        async with GrpcClient(nobody, channels=1) as client:
            return await client.call(METHOD, b"")

    assert asyncio.run(ask()).code == "UNAVAILABLE"


@pytest.mark.parametrize("channels", [1, 3])
def test_grpc_takes_connections_in_turn(channels):
    peers = []

    async def answer(_, __, context):
        peers.append(context.peer())
        return b""

    call_grpc(answer, *[b""] * 6, channels=channels)
    assert len(set(peers)) == channels
    assert peers[:channels] == peers[channels : 2 * channels]


def call_rest(address, *requests, threads=1):
    """The replies to requests that are sent one after the other."""

    async def ask(client):
        return [await client.call(*request) for request in requests]

    with RestClient(address, threads) as client:
        return asyncio.run(ask(client))


def test_rest_has_status_and_body_whatever_the_status():
    def answer(handler, body):
        handler.reply(404 if handler.path == "/none" else 200, handler.command.encode() + body)

    with http_server(answer) as address:
        replies = call_rest(address, ("GET", "/none"), ("POST", "/", b"{}"))
    assert replies == [Reply("404", b"GET"), Reply("200", b"POST{}")]


def test_rest_says_that_a_body_is_json_and_keeps_its_connection():
    seen = []

    def answer(handler, _):
        seen.append((handler.client_address, handler.headers.get("Content-Type")))
        handler.reply(200)

    with http_server(answer) as address:
        call_rest(address, ("GET", "/"), ("POST", "/", b"{}"))
    (first, no_type), (second, with_type) = seen
    assert first == second
    assert (no_type, with_type) == (None, "application/json")


def test_rest_asks_as_many_at_once_as_it_has_threads():
    both = threading.Barrier(2)

    def answer(handler, _):
        both.wait(10)
        handler.reply(200)

    async def ask(client):
        return await asyncio.gather(client.call("GET", "/"), client.call("GET", "/"))

    with http_server(answer) as address, RestClient(address, threads=2) as client:
        assert asyncio.run(ask(client)) == [Reply("200")] * 2


def test_rest_asks_again_once_when_its_idle_connection_was_closed():
    asked = []

    def answer(handler, _):
        asked.append(handler.path)
        if len(asked) == 2:
            handler.close_connection = True
        else:
            handler.reply(200, b"%d" % len(asked))

    with http_server(answer) as address:
        replies = call_rest(address, ("GET", "/a"), ("GET", "/b"), ("GET", "/c"))
    assert replies == [Reply("200", b"1"), Reply("200", b"3"), Reply("200", b"4")]
    assert asked == ["/a", "/b", "/b", "/c"]


def test_rest_gives_up_when_it_is_closed_twice():
    asked = []

    def answer(handler, _):
        asked.append(handler.path)
        handler.close_connection = True

    with http_server(answer) as address:
        [reply] = call_rest(address, ("GET", "/"))
    assert reply.code == CLOSED
    assert "RemoteDisconnected" in reply.text
    assert len(asked) == 2


def test_rest_does_not_ask_again_after_half_an_answer():
    asked = []

    def answer(handler, _):
        asked.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    with http_server(answer) as address:
        [reply] = call_rest(address, ("GET", "/"))
    assert (reply.code, len(asked)) == (CLOSED, 1)
    assert "IncompleteRead" in reply.text


def test_rest_without_a_server_is_closed(nobody):
    [reply] = call_rest(nobody, ("GET", "/"))
    assert reply.code == CLOSED
    assert "ConnectionRefusedError" in reply.text


def test_rest_hangs_when_nobody_answers_in_time_and_then_goes_on(monkeypatch):
    monkeypatch.setattr(clients, "TIMEOUT_S", 0.2)
    ended = threading.Event()

    def answer(handler, _):
        if handler.path == "/slow":
            ended.wait(10)
        handler.reply(200)

    with http_server(answer) as address:
        replies = call_rest(address, ("GET", "/slow"), ("GET", "/"))
        ended.set()
    assert replies == [Reply(HANGS), Reply("200")]


def send(answer, data=b"x", half_close=False, timeout_s=10.0):
    async def ask():
        async with raw_server(answer) as address:
            return await send_raw(address, data, half_close=half_close, timeout_s=timeout_s)

    return asyncio.run(ask())


def answering(*parts, reset=False):
    """Reads something, then writes each part for itself."""

    async def answer(reader, writer):
        await reader.read(100)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        if reset:
            linger = struct.pack("ii", 1, 0)  # none: closing resets the connection
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return answer


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 400 Bad Request\r\nX: y\r\n\r\nwhy not",),
        (b"HTTP/1.1 400 Bad Request\r\nX: y\r\n\r\n", b"why not"),
    ],
    ids=["whole", "in parts"],
)
def test_status_line_and_body_are_taken(parts):
    assert send(answering(*parts)) == Reply("400", b"why not", "why not")


def test_answer_without_a_body_is_one():
    assert send(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) == Reply("204")


def test_status_counts_even_if_the_connection_is_then_reset():
    assert send(answering(b"HTTP/1.1 413 Too Large\r\n\r\n", reset=True)).code == "413"


def test_connection_that_is_closed_without_an_answer_is_told():
    assert send(answering()) == Reply(CLOSED)


def test_connection_that_is_reset_is_told():
    assert send(answering(reset=True)).code == CLOSED


@pytest.mark.parametrize("data", [b"\0\0\x06\4\0", b"HTTP/1.1", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_bytes_that_are_no_status_line_are_kept(data):
    assert send(answering(data)) == Reply(CLOSED, data)


async def never(reader, _):
    await reader.read(100)
    await asyncio.sleep(30)


def test_server_that_says_nothing_hangs():
    assert send(never, timeout_s=0.1) == Reply(HANGS)


async def until_the_end(reader, writer):
    received = await reader.read()
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n%d" % len(received))


def test_half_closed_connection_tells_the_server_that_nothing_follows():
    data = bytes(300_000)
    assert send(until_the_end, data, half_close=True) == Reply("200", b"300000", "300000")
    assert send(until_the_end, data, half_close=False, timeout_s=0.1) == Reply(HANGS)


def test_nobody_who_listens_is_a_closed_connection(nobody):
    reply = asyncio.run(send_raw(nobody, b"x", half_close=False, timeout_s=1.0))
    assert reply.code == CLOSED
