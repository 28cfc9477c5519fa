"""A web server on this machine whose pages a test writes."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Pages(dict[str, "bytes | int"]):
    """Path -> its body, or the status that refuses it.

    Attributes:
        address: of the server.
        asked: method and path of each request, without what follows `?`.
        cut: paths of whose bodies only the first half is sent.
        facts: whether answers tell length, time and ranges.
    """

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.asked: list[tuple[str, str]] = []
        self.cut: set[str] = set()
        self.facts = True


@contextlib.contextmanager
def served() -> Iterator[Pages]:
    """Serves pages until the end of the block."""
    pages = Pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            pages.asked.append((self.command, path))
            found = pages.get(path, 404)
            body, status = (b"", found) if isinstance(found, int) else (found, 200)
            ranged = self.headers.get("Range")
            if ranged and pages.facts and status == 200:
                first, last = map(int, ranged.removeprefix("bytes=").split("-"))
                body, status = body[first : last + 1], 206 if first < len(body) else 416
            self.send_response(status)
            if pages.facts:
                self.send_header("Last-Modified", "Thu, 26 Nov 2026 08:00:00 GMT")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if path in pages.cut else body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pages.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield pages
        server.shutdown()
        thread.join()
