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
    AddressError,
    ClientOptionsError,
    DeadlineExceededError,
    InvalidInputError,
    RequestRejectedError,
    ServerBusyError,
    ServerUnreachableError,
    ServingError,
    TlsError,
    UnreadablePictureError,
)
from bitpipe.model.signature import SERVING, SERVING_TOP
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
        pytest.raises(RequestRejectedError, match=r"no version .* the label 'x'") as caught,
    ):
        list(client.predict_each([PNG] * 64))
    assert not isinstance(caught.value, InvalidInputError)
    assert len(calls) <= 2  # one may have been sent ahead


def signature_of(request: Any) -> str:
    return str(request.model_spec.signature_name)


@pytest.mark.parametrize(
    ("top", "signature"), [(None, SERVING), (1, SERVING_TOP), (5, SERVING_TOP), (6, SERVING)]
)
def test_few_labels_are_asked_for_by_the_short_signature(top: int | None, signature: str) -> None:
    asked: list[str] = []

    def answer(request: Any, _: grpc.ServicerContext) -> Any:
        asked.append(signature_of(request))
        return good_reply()

    with answering(answer) as address, PredictionClient(address, "digits", top=top) as client:
        client.predict([b"picture"])
    assert asked == [signature]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "{}" not found.'),
        (
            grpc.StatusCode.INVALID_ARGUMENT,
            'Serving signature name: "{}" not found in signature def',
        ),
    ],
)
def test_a_model_without_the_short_signature_is_asked_by_the_whole_one_from_then_on(
    code: grpc.StatusCode, text: str
) -> None:
    asked: list[str] = []

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        asked.append(signature_of(request))
        if asked[-1] != SERVING:
            context.abort(code, text.format(asked[-1]))
        return good_reply()

    with answering(answer) as address, PredictionClient(address, "digits", top=3) as client:
        assert client.predict([b"picture"])[0].label == "only"
        client.predict([b"picture"])
    assert asked == [SERVING_TOP, SERVING, SERVING]


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (
            "Servable not found for request: Latest(digits). This server has photos (version 7).",
            "serves no model called 'digits'. It has photos (version 7).",
        ),
        (
            "Servable not found for request: Latest(digits)",
            "serves no model called 'digits'. Look which models it was started with.",
        ),
        (
            "Servable not found for request: Specific(digits, 3). This server has digits "
            "(versions 7, 8).",
            "has no version 3 of 'digits' in service. It has digits (versions 7, 8).",
        ),
        (
            'Serving signature key "serving_default" not found.',
            "none that `bitpipe run` has pushed",
        ),
    ],
)
def test_what_is_not_served_is_told_in_words_of_users(details: str, told: str) -> None:
    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.NOT_FOUND, details)

    with (
        answering(answer) as address,
        PredictionClient(address, "digits") as client,
        pytest.raises(RequestRejectedError) as caught,
    ):
        client.predict([b"picture"])
    assert told in str(caught.value)
    assert "Servable" not in str(caught.value)


def test_tensorflows_graph_is_left_out_of_a_refusal() -> None:
    def answer(_: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "No JPEG.\n\t [[{{node decode}}]]")

    with (
        answering(answer) as address,
        PredictionClient(address, "digits") as client,
        pytest.raises(InvalidInputError, match=r": No JPEG\.$") as caught,
    ):
        client.predict([b"picture"])
    assert caught.value.reason == "No JPEG."


@pytest.mark.parametrize("scheme", ["http://", "https://"])
def test_rest_spoken_to_a_grpc_port_is_told_without_its_bytes(scheme: str) -> None:
    with (
        answering(lambda *_: good_reply()) as address,
        PredictionClient(f"{scheme}{address}", "digits") as client,
        pytest.raises((AddressError, TlsError)) as caught,
    ):
        client.predict([b"picture"])
    assert str(caught.value).isprintable()
    told = f"is it the gRPC port? Then write {address}," if scheme == "http://" else "without TLS"
    assert told in str(caught.value)


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
        ({"version": -1}, "version must be a whole number from 0"),
        ({"version": "1"}, "version must be a whole number from 0"),
        ({"label": ""}, "label must be a text, and not empty"),
        ({"batch_size": 0}, "batch_size must be a whole number, at least 1"),
        ({"top": 2.5}, r"top must be a whole number, at least 1\. Received: 2\.5"),
        ({"in_flight": 0}, "in_flight must be a whole number, at least 1"),
        ({"timeout_s": float("nan")}, "timeout_s must be a finite number greater than 0"),
        ({"timeout_s": float("inf")}, "timeout_s must be a finite number greater than 0"),
        ({"timeout_s": "3"}, "timeout_s must be a finite number greater than 0"),
        ({"tls": "ca.pem"}, "tls must be a ClientTls"),
    ],
)
def test_options_that_cannot_be_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientOptionsError, match=words):
        PredictionClient("localhost:8500", "digits", **options)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with PredictionClient("127.0.0.1:1", "digits") as client:
        with pytest.raises(
            UnreadablePictureError, match=r"broken\.jpg cannot be used: it is a text"
        ):
            list(client.predict_files([broken]))
        with pytest.raises(UnreadablePictureError, match=r"none\.jpg cannot be used: No such file"):
            list(client.predict_files([tmp_path / "none.jpg"]))
