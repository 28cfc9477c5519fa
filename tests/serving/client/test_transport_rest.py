"""REST against servers and gateways that fail."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bitpipe.errors import (
    AddressError,
    DeadlineExceededError,
    InvalidInputError,
    MessageTooLargeError,
    RequestRejectedError,
    ServerUnreachableError,
    ServingError,
    TlsError,
    UnexpectedReplyError,
)
from serving.client import PredictionClient, Retry

Reply = tuple[int, dict[str, str], bytes]
QUICK = Retry(attempts=3, first_wait_s=0.01)
ROW = {"label": "only", "labels": ["only"], "scores": [1.0]}
GOOD = (200, {"X-Model-Version": "5"}, json.dumps({"predictions": [ROW]}).encode())


class Fake:
    """A server whose replies are `reply(method, path)`; remembers what it was asked."""

    def __init__(self, reply: Callable[[str, str], Reply]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.connections = 0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                fake.connections += 1

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.asked.append((self.command, self.path))
                status, headers, body = reply(self.command, self.path)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Fake"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def always(status: int, body: bytes = b"", **headers: str) -> Fake:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fake(lambda *_: (status, named, body))


def test_grpc_spoken_to_a_rest_port_is_told() -> None:
    with always(200).running() as fake:
        port = fake.address.removeprefix("http://")
        with (
            PredictionClient(port, "m", retry=QUICK) as client,
            pytest.raises(AddressError, match=f"is it the REST port. Then write {fake.address},"),
        ):
            client.predict([b"x"])


@pytest.mark.parametrize("status", [503, 429])
def test_busy_server_is_tried_again(status: int) -> None:
    replies = iter([(status, {}, b'{"error": "full"}')] * 2 + [GOOD])
    with (
        Fake(lambda *_: next(replies)).running() as fake,
        PredictionClient(fake.address, "m", retry=QUICK) as client,
    ):
        assert client.predict([b"x"])[0].label == "only"
    assert fake.asked == [("POST", "/v1/models/m:predict")] * 3
    assert fake.connections == 1  # kept alive


def test_retry_after_is_heeded() -> None:
    replies = iter([(503, {"Retry-After": "1"}, b""), GOOD])
    started = time.monotonic()
    with (
        Fake(lambda *_: next(replies)).running() as fake,
        PredictionClient(fake.address, "m", retry=QUICK) as client,
    ):
        client.predict([b"x"])
    assert 1 <= time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidInputError),
        (403, RequestRejectedError),
        (404, RequestRejectedError),
        (405, RequestRejectedError),
        (413, MessageTooLargeError),
        (504, DeadlineExceededError),
        (500, ServingError),
        (502, ServingError),
    ],
)
def test_refusal_carries_the_servers_words_and_is_not_tried_again(
    status: int, error: type[ServingError]
) -> None:
    with (
        always(status, b'{"error": "the reason"}').running() as fake,
        PredictionClient(fake.address, "m") as client,
        pytest.raises(ServingError) as caught,
    ):
        client.predict([b"x"])
    assert type(caught.value) is error
    assert "the reason" in str(caught.value) or status == 504
    assert len(fake.asked) == 1


def test_redirect_is_told_rather_than_followed_without_the_pictures() -> None:
    with (
        always(302, Location="https://login.example.org").running() as fake,
        PredictionClient(fake.address, "m") as client,
        pytest.raises(RequestRejectedError, match=r"redirects to https://login\.example\.org"),
    ):
        client.predict([b"x"])


def test_reply_beyond_the_limit_is_not_read_to_its_end() -> None:
    with (
        always(200, bytes(2**20)).running() as fake,
        PredictionClient(fake.address, "m", max_message_bytes=2**17) as client,
        pytest.raises(MessageTooLargeError, match="the reply exceeds 131072 bytes"),
    ):
        client.predict([b"x"])


def test_picture_beyond_the_limit_is_not_sent() -> None:
    with (
        Fake(lambda *_: GOOD).running() as fake,
        PredictionClient(fake.address, "m", max_message_bytes=1000) as client,
        pytest.raises(MessageTooLargeError, match="of 1000 bytes"),
    ):
        client.predict([bytes(1000)])
    assert fake.asked == []


def test_silent_server_ends_at_the_deadline() -> None:
    def late(*_: str) -> Reply:
        time.sleep(1)
        return GOOD

    started = time.monotonic()
    with Fake(late).running() as fake:
        with (
            PredictionClient(fake.address, "m", timeout_s=0.2) as client,
            pytest.raises(DeadlineExceededError, match=r"within 0\.2 s"),
        ):
            client.predict([b"x"])
        assert time.monotonic() - started < 0.9


def test_page_of_something_else_is_shown_in_part() -> None:
    with (
        always(200, b"<html>Welcome to nginx!</html>").running() as fake,
        PredictionClient(fake.address, "m") as client,
        pytest.raises(UnexpectedReplyError, match=r"Welcome to nginx.*REST port"),
    ):
        client.predict([b"x"])


def test_https_on_a_port_without_it_is_told_at_once() -> None:
    with always(200).running() as fake:
        address = fake.address.replace("http://", "https://")
        started = time.monotonic()
        with (
            PredictionClient(address, "m") as client,
            pytest.raises((TlsError, ServerUnreachableError)) as caught,
        ):
            client.predict([b"x"])
    assert isinstance(caught.value, TlsError), caught.value
    assert time.monotonic() - started < 3


def test_version_is_asked_for_where_the_server_does_not_tell_and_not_each_time() -> None:
    status = {
        "model_version_status": [
            {"version": "7", "state": "LOADING"},
            {"version": "6", "state": "AVAILABLE"},
        ]
    }

    def reply(method: str, _: str) -> Reply:
        return (200, {}, GOOD[2]) if method == "POST" else (200, {}, json.dumps(status).encode())

    with Fake(reply).running() as fake, PredictionClient(fake.address, "m") as client:
        assert [client.predict([b"x"])[0].model_version for _ in range(3)] == [6, 6, 6]
    assert [method for method, _ in fake.asked].count("GET") == 1


def test_version_is_0_behind_a_gateway_that_hides_the_status() -> None:
    def reply(method: str, _: str) -> Reply:
        return (200, {}, GOOD[2]) if method == "POST" else (403, {}, b"no")

    with Fake(reply).running() as fake, PredictionClient(fake.address, "m") as client:
        assert client.predict([b"x"])[0].model_version == 0


def test_names_and_labels_are_quoted_in_the_path() -> None:
    with (
        Fake(lambda *_: GOOD).running() as fake,
        PredictionClient(fake.address + "/team", "a/b c", label="né?") as client,
    ):
        client.predict([b"x"])
    assert fake.asked[0][1] == "/team/v1/models/a%2Fb%20c/labels/n%C3%A9%3F:predict"


def test_proxy_of_the_environment_is_not_asked_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with Fake(lambda *_: GOOD).running() as fake, PredictionClient(fake.address, "m") as client:
        assert client.predict([b"x"])[0].label == "only"
