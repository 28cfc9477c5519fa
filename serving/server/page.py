"""The web page at /: files of web/, with headers that confine them to this server."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

_FOLDER = Path(__file__).parent / "web"

_HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",  # asked for each time: the files change with the server
}


class _Files(StaticFiles):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_confined(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        await super().__call__(scope, receive, send_confined)


def routes() -> list[BaseRoute]:
    """/ and /web/FILE."""
    files = _Files(directory=_FOLDER)

    async def index(request: Request) -> Response:
        response = await files.get_response("index.html", request.scope)
        response.raw_headers.extend(_HEADERS.items())
        return response

    return [Route("/", index, methods=["GET"]), Mount("/web", files)]
