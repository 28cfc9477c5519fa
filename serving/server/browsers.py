"""Keeps web pages of others from using the server through the browser that shows them.

A browser sends a page's requests wherever the page likes. For a body of plain text it asks nobody
before, so the server must look where it comes from (Origin); and a name that the page's owner lets
point to this machine (DNS rebinding) makes the server the page's own, unless it knows its names
(Host). Programs send no Origin.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"
_WITHOUT_EFFECT = frozenset({"GET", "HEAD", "OPTIONS"})


def guarded(app: ASGIApp, *, origins: Collection[str], names: Collection[str] | None) -> ASGIApp:
    """The application, for requests that no foreign page has sent.

    Args:
        app: to be guarded.
        origins: SCHEME://HOST[:PORT] of pages that may use the server; "*" for all.
        names: of the host, beside loopback addresses, by which the server may be asked; None for
            any. They are checked where it listens on loopback, which nobody else can reach: on a
            network, the names of services, addresses of pods and proxies cannot be known.
    """
    if origins:
        # Answers what browsers ask before they send JSON, and lets pages read the replies.
        app = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "Content-Encoding"],
        )
    if names is not None:
        names = {*names, *(urlsplit(origin).hostname or "" for origin in origins)} - {""}
    return _Guard(app, origins, None if ANY in origins else names)


class _Guard:
    def __init__(
        self, app: ASGIApp, origins: Collection[str], names: Collection[str] | None
    ) -> None:
        self._app = app
        self._origins = frozenset(map(str.lower, origins))
        self._names = names if names is None else frozenset(map(str.lower, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, text = refusal
        # What follows on such a connection may not be what it seems.
        response = JSONResponse({"error": text}, status, {"Connection": "close"})
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        # RFC 9112, 6.3: "ought to be handled as an error", since two servers may disagree where the
        # body ends.
        if b"transfer-encoding" in headers and b"content-length" in headers:
            return 400, "A request has a Content-Length or a Transfer-Encoding. Received: both."
        host = headers.get(b"host", "").lower()
        if self._names is not None and host and not _is_own(host, self._names):
            return 403, (
                f"This server listens on loopback and is not asked as {host}. Ask it as localhost, "
                f"or start it with --allow-origin http://{host}."
            )
        origin = headers.get(b"origin", "").lower()
        if not origin or scope["method"] in _WITHOUT_EFFECT or ANY in self._origins:
            return None
        if origin in self._origins or urlsplit(origin).netloc == host:
            return None
        return 403, (
            f"Pages of {origin} may not use this server. Start it with --allow-origin {origin} if "
            f"they should."
        )


def _is_own(host: str, names: Collection[str]) -> bool:
    """Whether the name in a Host header, with or without a port, is loopback's or among `names`."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        # RFC 6761, 6.3: names below it are this machine's as well.
        if name in names or name == "localhost" or name.endswith(".localhost"):
            return True
        return ipaddress.ip_address(name).is_loopback
    except ValueError:  # no address
        return False
