"""The client against servers that fail; against the real one it is tested in test_server.py."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving import messages
from serving.client import PredictionClient
from serving.errors import (
    AddressError,
    DeadlineExceededError,
    RequestRejectedError,
    ServerUnreachableError,
    ServingError,
    UnreadablePictureError,
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def answering(answer: Callable[[Any, grpc.ServicerContext], Any]) -> Iterator[str]:
    """A server whose Predict is `answer`."""
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=messages.PredictRequest.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "tensorflow.serving.PredictionService", {"Predict": handler}
            )
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def good_reply() -> Any:
    response = messages.PredictResponse()
    response.outputs["scores"].dtype, response.outputs["labels"].dtype = 1, 7
    response.outputs["scores"].float_val.append(1.0)
    response.outputs["labels"].string_val.append(b"only")
    for tensor in response.outputs.values():
        tensor.tensor_shape.dim.add(size=1)
        tensor.tensor_shape.dim.add(size=1)
    return response


def test_missing_server_is_told_quickly_with_what_to_do() -> None:
    address = f"127.0.0.1:{free_port()}"
    started = time.monotonic()
    with (
        PredictionClient(address, "digits") as client,
        pytest.raises(ServerUnreachableError) as caught,
    ):
        client.predict([b"picture"])
    assert time.monotonic() - started < 5
    assert address in str(caught.value)
    assert "bitpipe serve --models DIR --name digits" in str(caught.value)
    assert caught.value.exit_code == 2


def test_server_that_is_briefly_unavailable_is_tried_again() -> None:
    calls = []

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        calls.append(1)
        if len(calls) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return good_reply()

    with answering(answer) as address, PredictionClient(address, "digits") as client:
        assert client.predict([b"picture"])[0].label == "only"
    assert len(calls) == 3


def test_silent_server_ends_at_the_deadline() -> None:
    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        while context.is_active():
            time.sleep(0.01)

    started = time.monotonic()
    with (
        answering(answer) as address,
        PredictionClient(address, "digits", timeout_s=0.3) as client,
        pytest.raises(DeadlineExceededError, match=r"within 0\.3 s"),
    ):
        client.predict([b"picture"])
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, RequestRejectedError),
        (grpc.StatusCode.NOT_FOUND, RequestRejectedError),
        (grpc.StatusCode.INTERNAL, ServingError),
    ],
)
def test_refusal_carries_the_servers_words_and_is_not_tried_again(
    code: grpc.StatusCode, error: type[ServingError]
) -> None:
    calls = []

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        calls.append(1)
        context.abort(code, "the reason")

    with (
        answering(answer) as address,
        PredictionClient(address, "digits") as client,
        pytest.raises(ServingError, match=f"{code.name}.*'digits': the reason") as caught,
    ):
        client.predict([b"picture"])
    assert type(caught.value) is error
    assert len(calls) == 1


def test_proxy_of_the_environment_is_not_asked_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    with (
        answering(lambda *_: good_reply()) as address,
        PredictionClient(address, "digits") as client,
    ):
        assert client.predict([b"picture"])[0].label == "only"


@pytest.mark.parametrize(
    "address",
    [
        *("", "localhost", "localhost:", ":8500", "localhost:0", "localhost:65536", "a b:1"),
        *("http://localhost:8500", "::1:8500"),
    ],
)
def test_malformed_address_is_told(address: str) -> None:
    with pytest.raises(AddressError, match="HOST:PORT") as caught:
        PredictionClient(address, "digits")
    assert repr(address) in str(caught.value)


@pytest.mark.parametrize("address", ["localhost:8500", "[::1]:8500", "models.example.org:80"])
def test_well_formed_address_is_taken(address: str) -> None:
    PredictionClient(address, "digits").close()


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with PredictionClient("127.0.0.1:1", "digits") as client:
        with pytest.raises(UnreadablePictureError, match=r"broken\.jpg cannot be used: it is none"):
            list(client.predict_files([broken]))
        with pytest.raises(UnreadablePictureError, match=r"none\.jpg cannot be used: No such file"):
            list(client.predict_files([tmp_path / "none.jpg"]))


def test_importing_the_client_loads_no_framework() -> None:
    code = (
        "import sys, serving.client\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*roots & {'tensorflow', 'tensorflow_serving', 'tfx', 'keras', 'numpy', 'pipeline',"
        " 'components'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
