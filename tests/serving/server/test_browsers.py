"""What a browser sends for a page of somebody else is refused; programs notice nothing."""

import asyncio
from collections.abc import Collection
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.server.browsers import guarded

OWN = "http://localhost:8501"


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"answered {len(await request.body())}")


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


def ask(
    headers: dict[str, str],
    method: str = "POST",
    origins: Collection[str] = (),
    names: Collection[str] | None = (),
) -> Reply:
    """What the guarded application answers, asked as an ASGI server would."""
    app = guarded(
        Starlette(routes=[Route("/", answer, methods=["GET", "POST"])]),
        origins=origins,
        names=names,
    )
    sent = {"Host": "localhost:8501", **headers}
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": "/",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(app(scope, receive, send))
    return Reply(
        messages[0]["status"],
        {name.decode(): value.decode() for name, value in messages[0]["headers"]},
        b"".join(message.get("body", b"") for message in messages[1:]).decode(),
    )


def status(headers: dict[str, str], method: str = "POST", **settings: Any) -> int:
    return ask(headers, method, **settings).status


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999"])
def test_a_page_of_another_origin_may_not_send_a_body(origin: str) -> None:
    text_plain = {"Origin": origin, "Content-Type": "text/plain"}
    assert status(text_plain) == 403
    assert status(text_plain, names=None) == 403
    assert f"--allow-origin {origin}" in ask(text_plain).text


def test_programs_and_the_own_page_may() -> None:
    assert status({}) == 200
    assert status({"Origin": OWN}) == 200
    assert status({"Origin": "http://10.0.0.7:8501", "Host": "10.0.0.7:8501"}, names=None) == 200
    assert status({"Origin": "https://evil.example"}, "GET") == 200  # of which it can read nothing


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8501",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1:1",
        "127.1.2.3",
        "[::1]:8501",
        "own",
    ],
)
def test_on_loopback_the_server_answers_to_its_names(host: str) -> None:
    assert status({"Host": host}, "GET", names={"own"}) == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8501", "10.0.0.7", "localhost.evil.example", "a:b:c", "[", "@"]
)
def test_on_loopback_another_name_is_refused(host: str) -> None:
    for method in ("GET", "POST"):
        assert status({"Host": host}, method) == 403
        assert status({"Host": host, "Origin": f"http://{host}"}, method) == 403
    assert status({"Host": host}, names=None) == 200


def test_allowed_origins_may_ask_and_read() -> None:
    allowed = "https://app.example"
    answered = ask({"Origin": allowed}, origins=[allowed])
    assert answered.text == "answered 1"
    assert answered.headers["access-control-allow-origin"] == allowed
    preflight = ask(
        {
            "Origin": allowed,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
        "OPTIONS",
        origins=[allowed],
    )
    assert preflight.status == 200
    assert status({"Origin": "https://evil.example"}, origins=[allowed]) == 403
    assert status({"Host": "app.example"}, origins=[allowed]) == 200
    assert status({"Host": "any.example", "Origin": "https://a.b"}, origins=["*"]) == 200


def test_a_length_and_chunks_together_are_refused() -> None:
    both = {"Content-Length": "1", "Transfer-Encoding": "chunked"}
    refused = ask(both)
    assert refused.status == 400
    assert refused.headers["connection"] == "close"
