"""The client against servers that fail; against the real one: test_both_protocols.py."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from PIL import Image

from bitpipe.errors import (
    ClientOptionsError,
    DeadlineExceededError,
    InvalidInputError,
    RequestRejectedError,
    ServerBusyError,
    ServerUnreachableError,
    ServingError,
    UnreadablePictureError,
)
from serving.client import PredictionClient, Retry, messages

Answer = Callable[[Any, grpc.ServicerContext], Any]


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG")
    return buffer.getvalue()


PNG = _png()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def answering(answer: Answer, metadata: Answer | None = None, threads: int = 1) -> Iterator[str]:
    """A server whose Predict is `answer`; without `metadata`, it describes the signature."""

    def handler(method: Answer, request_class: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=request_class.FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )

    handlers = {
        "Predict": handler(answer, messages.PredictRequest),
        "GetModelMetadata": handler(metadata or described, messages.GetModelMetadataRequest),
    }
    server = grpc.server(futures.ThreadPoolExecutor(threads))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers)]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def good_reply(count: int = 1) -> Any:
    response = messages.PredictResponse()
    response.outputs["scores"].dtype, response.outputs["labels"].dtype = 1, 7
    response.outputs["scores"].float_val.extend([1.0] * count)
    response.outputs["labels"].string_val.extend([b"only"] * count)
    for tensor in response.outputs.values():
        tensor.tensor_shape.dim.add(size=count)
        tensor.tensor_shape.dim.add(size=1)
    return response


def described(*_: Any) -> Any:
    signatures = messages.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["image"].dtype = 7
    response = messages.GetModelMetadataResponse()
    response.metadata["signature_def"].value = signatures.SerializeToString()
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
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidInputError),
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


def test_busy_server_is_tried_again_as_often_as_told() -> None:
    calls = []

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        calls.append(1)
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")

    with (
        answering(answer) as address,
        PredictionClient(address, "digits", retry=Retry(3, first_wait_s=0.01)) as client,
        pytest.raises(ServerBusyError, match="the queue is full"),
    ):
        client.predict([b"picture"])
    assert len(calls) == 3


def test_request_beyond_grpcs_own_retry_buffer_is_tried_again() -> None:
    calls = []

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        calls.append(1)
        if len(calls) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return good_reply()

    with answering(answer) as address, PredictionClient(address, "digits") as client:
        assert client.predict([bytes(2**20)])[0].label == "only"
    assert len(calls) == 2


def test_label_that_does_not_exist_is_no_fault_of_the_pictures() -> None:
    calls = []

    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        calls.append(1)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: x")

    def metadata(_: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: x")

    with (
        answering(answer, metadata) as address,
        PredictionClient(address, "digits", label="x", in_flight=1) as client,
        pytest.raises(RequestRejectedError, match="Unrecognized") as caught,
    ):
        list(client.predict_each([PNG] * 64))
    assert not isinstance(caught.value, InvalidInputError)
    assert len(calls) <= 2  # one may have been sent ahead


def test_few_requests_are_in_flight_and_few_pictures_ahead() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def answer(request: Any, _: grpc.ServicerContext) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return good_reply(len(request.inputs["image"].string_val))

    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield PNG

    with (
        answering(answer, threads=8) as address,
        PredictionClient(address, "digits", batch_size=4, in_flight=3) as client,
    ):
        answers = client.predict_each(endless())
        for _ in range(40):
            assert next(answers).prediction is not None
        answers.close()
    assert 1 < most <= 3
    assert taken < 40 + 4 * 4 + 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": 1, "label": "stable"}, "by version or by label"),
        ({"version": -1}, "from 0 on"),
        ({"label": ""}, "label must not be empty"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"in_flight": 0}, "in_flight must be greater than 0"),
        ({"timeout_s": float("nan")}, "timeout_s must be greater than 0"),
    ],
)
def test_options_that_cannot_be_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientOptionsError, match=words):
        PredictionClient("localhost:8500", "digits", **options)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with PredictionClient("127.0.0.1:1", "digits") as client:
        with pytest.raises(UnreadablePictureError, match=r"broken\.jpg cannot be used: it is none"):
            list(client.predict_files([broken]))
        with pytest.raises(UnreadablePictureError, match=r"none\.jpg cannot be used: No such file"):
            list(client.predict_files([tmp_path / "none.jpg"]))
