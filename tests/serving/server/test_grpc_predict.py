"""Predict, asked through TensorFlow Serving's own stubs as any other client would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving.server import ModelServer
from tests.serving.server.grpc_calls import refusal, request_for

Encode = Callable[..., bytes]


def test_prediction_over_grpc_equals_calling_the_module(
    stub: Any, encode: Encode, saved_model: Path
) -> None:
    pictures = [encode("orange", form="JPEG"), encode("navy"), encode("teal", (3, 50))]
    direct = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    expected = direct(image=tf.constant(pictures))

    response = stub.Predict(request_for(*pictures), timeout=10)

    assert set(response.outputs) == {"scores", "labels", "label"}
    for name, value in expected.items():
        received = tf.make_ndarray(response.outputs[name])
        assert received.dtype == value.numpy().dtype
        np.testing.assert_array_equal(received, value.numpy())
    assert tf.make_ndarray(response.outputs["label"]).tolist() == [b"red", b"blue", b"green"]
    # TensorFlow Serving fills the typed fields, which clients in other languages read.
    assert len(response.outputs["scores"].float_val) == 9


def test_newest_version_answers(stub: Any, encode: Encode) -> None:
    response = stub.Predict(request_for(encode("red")), timeout=10)
    assert response.model_spec.name == "colours"
    assert response.model_spec.version.value == 20
    assert response.model_spec.signature_name == "serving_default"


def test_output_filter_selects_outputs(stub: Any, encode: Encode) -> None:
    request = request_for(encode("red"))
    request.output_filter.append("label")
    assert set(stub.Predict(request, timeout=10).outputs) == {"label"}


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (lambda r: r.ClearField("model_spec"), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            lambda r: setattr(r.model_spec, "name", ""),
            "INVALID_ARGUMENT",
            "ModelSpec has no name specified.",
        ),
        (
            lambda r: setattr(r.model_spec, "name", "other"),
            "NOT_FOUND",
            "Servable not found for request: Latest(other). This server has colours (version 20).",
        ),
        (
            lambda r: setattr(r.model_spec.version, "value", 3),
            "NOT_FOUND",
            "Servable not found for request: Specific(colours, 3)",
        ),
        (
            lambda r: setattr(r.model_spec, "version_label", "stable"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: stable",
        ),
        (
            lambda r: setattr(r.model_spec, "signature_name", "other"),
            "FAILED_PRECONDITION",
            'Serving signature key "other" not found.',
        ),
        (
            lambda r: setattr(r.model_spec, "signature_name", "__saved_model_init_op"),
            "INTERNAL",
            "Expected prediction signature method_name to be one of",
        ),
        (
            lambda r: r.inputs.clear(),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({image}). "
            "Sent extra: {}. Missing but required: {image}.",
        ),
        (
            lambda r: (r.inputs["photo"].CopyFrom(r.inputs["image"]), r.inputs.pop("image")),
            "INVALID_ARGUMENT",
            "Signature input alias: image(feed name: serving_default_image:0) not found in request "
            "and no default value provided. Inputs expected to be in the request {photo}, or "
            "default input alias set: ",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto([1.0])),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be string but float is provided",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto(b"scalar")),
            "INVALID_ARGUMENT",
            "input image: Expects shape (None,) but () is provided",
        ),
        (
            lambda r: setattr(r.inputs["image"].tensor_shape.dim[0], "size", 2**62),
            "INVALID_ARGUMENT",
            "tensor parsing error: image",
        ),
        (
            lambda r: r.output_filter.append("logits"),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: logits "
            "Outputs expected to be in the set {label,labels,scores}.",
        ),
        (
            lambda r: r.output_filter.extend(["label", "label"]),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: label",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto([b"no picture"])),
            "INVALID_ARGUMENT",
            "Unknown image file format. One of JPEG,",
        ),
    ],
)
def test_bad_request_gets_tensorflow_servings_code_and_text(
    stub: Any, encode: Encode, change: Callable[[Any], Any], code: str, text: str
) -> None:
    request = request_for(encode("red"))
    change(request)
    received_code, received_text = refusal(stub.Predict, request)
    assert received_code.name == code
    assert text in received_text
    assert "Traceback" not in received_text
    assert stub.Predict(request_for(encode("red")), timeout=10).outputs


def test_truncated_picture_is_an_invalid_argument(stub: Any, encode: Encode) -> None:
    code, _ = refusal(stub.Predict, request_for(encode("red")[:-30]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "method",
    ["PredictionService/Predict", "PredictionService/Classify", "ModelService/GetModelStatus"],
)
def test_bytes_that_are_no_message_are_the_requests_fault_and_log_no_traceback(
    server: ModelServer, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        raw = channel.unary_unary(f"/tensorflow.serving.{method}")
        code, text = refusal(raw, b"\x0a\x7fshort")
    assert code is grpc.StatusCode.INTERNAL  # so gRPC's doc/statuscodes.md
    assert text.startswith("The request is no message of this method: ")
    assert not caplog.records


def test_a_bad_picture_fails_alone_with_its_index(stub: Any, encode: Encode) -> None:
    good, bad = encode("red"), b"\xff\xd8\xff no picture"
    calls = [stub.Predict.future(request_for(good, good), timeout=20) for _ in range(8)]
    failing = stub.Predict.future(request_for(good, good, bad, good), timeout=20)
    calls += [stub.Predict.future(request_for(good), timeout=20) for _ in range(8)]
    for call in calls:
        assert tf.make_ndarray(call.result().outputs["label"])[0] == b"red"
    assert failing.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "(input 2 of 4, counted from 0)" in failing.details()


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(stub: Any, encode: Encode) -> None:
    huge = bytearray(encode("red"))
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    code, text = refusal(stub.Predict, request_for(encode("red"), bytes(huge)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Received: 10000000000. Make it smaller (input 1 of 2, counted from 0)" in text


def test_strings_left_out_repeat_the_last_and_those_too_many_are_ignored(
    stub: Any, encode: Encode
) -> None:
    few = request_for(encode("red"), encode("navy"))
    few.inputs["image"].tensor_shape.dim[0].size = 3
    labels = tf.make_ndarray(stub.Predict(few, timeout=10).outputs["label"]).tolist()
    assert labels == [b"red", b"blue", b"blue"]
    few.inputs["image"].tensor_shape.dim[0].size = 1
    assert tf.make_ndarray(stub.Predict(few, timeout=10).outputs["label"]).tolist() == [b"red"]


def test_strings_may_come_as_tensor_content(stub: Any, encode: Encode) -> None:
    pictures = [encode("red"), encode("navy", (40, 30))]
    request = request_for(*pictures)
    tensor = request.inputs["image"]
    tensor.ClearField("string_val")
    # TensorFlow's own encoding: the lengths as varints, then the bytes.
    lengths = b"".join(bytes([len(p) & 127 | 128, len(p) >> 7]) for p in pictures)
    tensor.tensor_content = lengths + b"".join(pictures)
    labels = tf.make_ndarray(stub.Predict(request, timeout=10).outputs["label"]).tolist()
    assert labels == [b"red", b"blue"]
    tensor.tensor_content = b"nonsense"
    assert refusal(stub.Predict, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "tensor parsing error: image",
    )


def test_long_texts_are_cut(stub: Any, encode: Encode) -> None:
    request = request_for(encode("red"))
    request.model_spec.signature_name = "x" * 5000
    _, text = refusal(stub.Predict, request)
    assert len(text) == 1024 + len("...TRUNCATED")
    assert text.endswith("x...TRUNCATED")
