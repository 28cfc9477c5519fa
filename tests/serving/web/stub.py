"""Serves the web page, and the replies it may meet, among them those a real server rarely gives.

Like TensorFlow it reads JPEG, PNG, GIF and BMP only, and does not turn pictures.
"""

import base64
import io
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'"
)
_WEB = Path(str(resources.files("serving"))) / "server" / "web"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_PREDICT = re.compile(r"/v1/models/(?P<name>\w+)(?:/versions/(?P<version>\d+))?:predict")


def version(number: int, state: str = "AVAILABLE", error: str = "", **facts: Any) -> dict[str, Any]:
    unknown = {"pushed": None, "accuracy": None, "pictures": None}
    return {"version": str(number), "state": state, "error": error, **unknown, **facts}


def models() -> list[dict[str, Any]]:
    """Two models, versions in each state."""
    return [
        {
            "name": "colours",
            "versions": [
                version(21, "LOADING"),
                version(20, pushed=1795442981, accuracy=0.98165, pictures=327),
                version(3),
                version(2, "END", "The file saved_model.pb is missing."),
            ],
            "labels": {"stable": 3},
        },
        {"name": "shapes", "versions": [version(7)], "labels": {}},
    ]


@dataclass
class Stub:
    """What the server answers with, and what it was asked.

    Attributes:
        models: the reply to `GET /models`.
        refusals: replies (status, body) to the next predictions, before real ones.
        delay_s: before each prediction.
        pictures: what it was sent, as (path, encoded picture).
        labels: those of red, green and blue.
        reject_below: a best score below it is answered with `unknown`.
    """

    models: list[dict[str, Any]] = field(default_factory=models)
    refusals: list[tuple[int, bytes]] = field(default_factory=list)
    delay_s: float = 0.0
    pictures: list[tuple[str, bytes]] = field(default_factory=list)
    labels: list[str] = field(default_factory=lambda: ["red", "green", "blue"])
    reject_below: float = 0.0
    _server: ThreadingHTTPServer | None = None
    _port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Listens, at the same port each time."""
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def refuse(self, status: int, error: str) -> None:
        self.refusals.append((status, json.dumps({"error": error}).encode()))


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def do_GET(self) -> None:
        if self.path == "/models":
            self._send(200, json.dumps({"models": self.stub.models}).encode())
            return
        file = _WEB / ("index.html" if self.path == "/" else self.path.removeprefix("/web/"))
        if file.parent == _WEB and file.is_file():
            self._send(200, file.read_bytes(), _TYPES[file.suffix])
        else:
            self._send(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.stub.delay_s)
        if self.stub.refusals:
            self._send(*self.stub.refusals.pop(0))
            return
        match = _PREDICT.fullmatch(self.path)
        (instance,) = json.loads(body)["instances"]
        data = base64.b64decode(instance["b64"], validate=True)
        self.stub.pictures.append((self.path, data))
        try:
            means = mean_colour(data)
        except OSError as error:
            reply = {"error": f"{error}\n\t [[{{{{node decode_image}}}}]]"}
            self._send(400, json.dumps(reply).encode())
            return
        labels = self.stub.labels
        is_sure = max(means) >= self.stub.reject_below
        best = labels[means.index(max(means))] if is_sure else "unknown"
        answer = {"predictions": [{"scores": means, "labels": labels, "label": best}]}
        version = (match and match["version"]) or "20"
        self._send(200, json.dumps(answer).encode(), version=version)

    def _send(
        self, status: int, body: bytes, kind: str = "application/json", version: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        if version:
            self.send_header("X-Model-Version", version)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """The requests of a test are no news."""


def mean_colour(data: bytes) -> list[float]:
    """Mean red, green and blue in [0, 1] of an encoded picture."""
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "GIF", "BMP")) as image:
        pixel = image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return [value / 255 for value in pixel]
