"""The server under test, and how to ask it.

| variable | meaning | default |
|---|---|---|
| `SERVING_ADDRESS` | HOST:PORT of gRPC | an embedded server, started for the tests |
| `SERVING_REST_ADDRESS` | [http[s]://]HOST:PORT of REST; empty: none | the same host, port 8501 |
| `SERVING_MODEL` | the model's name; TensorFlow Serving cannot list its models | `photos` |
| `SERVING_LABEL` | a version label that the model has | none: nothing is asked by label |
| `SERVING_PICTURE` | a JPEG or PNG file the model is asked about | a generated one |
| `SERVING_CA` | PEM file: who signed the server's certificate; turns TLS on | none |
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import requests

DEFAULT_MODEL = "photos"  # the default of `name` in pipeline configurations
DEFAULT_REST_PORT = 8501  # what the official image's entry point gives as --rest_api_port
TIMEOUT_S = 60.0
TOLERANCE = {"rtol": 1e-3, "atol": 1e-5}  # of scores: other batches round differently

Refusal = Callable[..., str]  # the fixtures of these names return such functions
BadRequest = Callable[..., str]

_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True)
class Target:
    """Where the server answers, and what to ask it about."""

    address: str
    rest_url: str | None
    model: str
    picture: bytes
    label: str | None = None
    ca: Path | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], generated: bytes) -> "Target":
        """Reads the variables above; `SERVING_ADDRESS` must be set.

        Raises:
            OSError: the picture or the certificate cannot be read.
        """
        address = variables["SERVING_ADDRESS"]
        rest = variables.get("SERVING_REST_ADDRESS")
        if rest is None:
            rest = f"{address.rpartition(':')[0]}:{DEFAULT_REST_PORT}"
        picture = variables.get("SERVING_PICTURE")
        ca = variables.get("SERVING_CA")
        return cls(
            address=address,
            # Plain HTTP unless said otherwise: TensorFlow Serving has TLS for gRPC only.
            rest_url=(rest if "://" in rest else f"http://{rest}") if rest else None,
            model=variables.get("SERVING_MODEL") or DEFAULT_MODEL,
            picture=Path(picture).read_bytes() if picture else generated,
            label=variables.get("SERVING_LABEL") or None,
            ca=_readable(ca) if ca else None,
        )

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        if self.ca is None:
            opened = grpc.insecure_channel(self.address, _CHANNEL_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
            opened = grpc.secure_channel(self.address, credentials, _CHANNEL_OPTIONS)
        with opened as channel:
            yield channel


def _readable(path: str) -> Path:
    with Path(path).open("rb"):
        return Path(path)


@dataclass(frozen=True)
class Rest:
    """Asks over HTTP; paths are sent as they are written."""

    url: str
    model: str
    session: requests.Session

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> requests.Response:
        request = self.session.prepare_request(
            requests.Request(method, self.url, data=body, headers=headers)
        )
        request.url = self.url + path  # prepare_request would normalise it
        return self.session.send(request, timeout=TIMEOUT_S)

    def get(self, path: str = "") -> requests.Response:
        """GET /v1/models/MODEL + path."""
        return self.send("GET", f"/v1/models/{self.model}{path}")

    def predict(self, body: Any, path: str = "") -> requests.Response:
        """POST to :predict; `body` is sent as JSON unless it is bytes already."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", f"/v1/models/{self.model}{path}:predict", data)

    def classify(self, body: Any) -> requests.Response:
        """POST to :classify."""
        return self.send("POST", f"/v1/models/{self.model}:classify", json.dumps(body).encode())


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}
