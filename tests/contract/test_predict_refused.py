"""gRPC Predict, refused: codes and texts. Sources are files of github.com/tensorflow/serving.

Texts are matched by the part that is the same in TensorFlow Serving 2.8 to 2.20.
"""

from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.contract import requests_grpc
from tests.contract.requests_grpc import output
from tests.contract.target import TIMEOUT_S, Refusal, Target

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
NO_VERSION = 2**62
NOT_A_PICTURE = b"not a picture"


@pytest.fixture
def refused(prediction_service: Any, refusal: Refusal, picture: bytes) -> Any:
    """Sends a PredictRequest that must fail."""

    def send(request: Any, code: grpc.StatusCode, pattern: str = "") -> str:
        return refusal(prediction_service.Predict, request, code, pattern)

    return send


@pytest.fixture
def request_(target: Target, picture: bytes) -> Any:
    return requests_grpc.predict(target.model, picture)


def test_missing_model_spec(refused: Any) -> None:
    """predict_impl.cc, Predict."""
    refused(predict_pb2.PredictRequest(), INVALID, "^Missing ModelSpec")


def test_model_spec_without_a_name(refused: Any, request_: Any) -> None:
    """server_core.cc, ServableRequestFromModelSpec."""
    request_.model_spec.name = ""
    request_.model_spec.signature_name = "serving_default"
    refused(request_, INVALID, "ModelSpec has no name specified")


def test_unknown_model(refused: Any, request_: Any) -> None:
    """basic_manager.cc, GetUntypedServableHandle; manager.h, ServableRequest::DebugString."""
    request_.model_spec.name = "no-such-model"
    refused(request_, NOT_FOUND, r"Servable not found for request: Latest\(no-such-model\)")


def test_unknown_version(refused: Any, request_: Any, target: Target) -> None:
    """basic_manager.cc, GetUntypedServableHandle; manager.h, ServableRequest::DebugString."""
    request_.model_spec.version.value = NO_VERSION
    text = refused(request_, NOT_FOUND, "Servable not found for request: ")
    assert f"Specific({target.model}, {NO_VERSION})" in text


@pytest.mark.parametrize("model", [None, "no-such-model"])
def test_unknown_label(refused: Any, request_: Any, model: str | None) -> None:
    """server_core.cc, GetModelVersionForLabel: asked before the model is looked up."""
    request_.model_spec.name = model or request_.model_spec.name
    request_.model_spec.version_label = "no-such-label"
    refused(request_, INVALID, "Unrecognized servable version label: no-such-label")


def test_unknown_signature(refused: Any, request_: Any) -> None:
    """predict_util.cc, RunPredict."""
    request_.model_spec.signature_name = "no-such-signature"
    code = grpc.StatusCode.FAILED_PRECONDITION
    refused(request_, code, 'Serving signature key "no-such-signature" not found')


def test_missing_input(refused: Any, request_: Any) -> None:
    """predict_util.cc, VerifyRequestInputsSize."""
    del request_.inputs["image"]
    text = refused(request_, INVALID, "input size does not match signature: 0!=1")
    assert "Missing but required: {image}" in text


def test_extra_input(refused: Any, request_: Any) -> None:
    """predict_util.cc, VerifyRequestInputsSize."""
    request_.inputs["extra"].CopyFrom(tf.make_tensor_proto([1.0]))
    text = refused(request_, INVALID, "input size does not match signature: 2!=1")
    assert "len({extra,image}) != len({image}). Sent extra: {extra}" in text


def test_input_of_another_name(refused: Any, request_: Any) -> None:
    """tensorflow/cc/saved_model/util.cc, GetInputValues; to 2.13 predict_util.cc,
    PreProcessPrediction: `input tensor alias not found in signature`, without the name asked for.
    """
    request_.inputs["picture"].CopyFrom(request_.inputs.pop("image"))
    refused(request_, INVALID, r"(?i)input (tensor )?alias.* not found in (signature|request).*")


def test_input_of_another_type(refused: Any, request_: Any) -> None:
    """tensorflow/core/framework/function.cc, FunctionCallFrame::SetArgs; run with 2.16."""
    request_.inputs["image"].CopyFrom(tf.make_tensor_proto([1.0], tf.float32))
    refused(request_, INVALID, r"Expects arg\[0\] to be string but float is provided")


@pytest.mark.parametrize("shape", [[], [1, 1]])
def test_input_of_another_rank(
    refused: Any, request_: Any, picture: bytes, shape: list[int]
) -> None:
    """TensorFlow Serving leaves shapes to the model, which has its own words."""
    request_.inputs["image"].CopyFrom(tf.make_tensor_proto(picture, tf.string, shape))
    refused(request_, INVALID)


@pytest.mark.parametrize("broken", ["negative size", "no type", "content"])
def test_tensor_that_contradicts_itself(refused: Any, request_: Any, broken: str) -> None:
    """tensorflow/cc/saved_model/util.cc, GetInputValues (to 2.13 predict_util.cc)."""
    tensor = request_.inputs["image"]
    if broken == "negative size":
        tensor.tensor_shape.dim[0].size = -1
    elif broken == "no type":
        tensor.dtype = 0
    else:
        tensor.ClearField("string_val")
        tensor.tensor_content = b"\xff\xff\xffshort"
    refused(request_, INVALID, "tensor parsing error: image" if broken != "no type" else "")


def test_unknown_output(refused: Any, request_: Any) -> None:
    """predict_util.cc, PreProcessPrediction."""
    request_.output_filter.extend(["label", "no-such-output"])
    text = refused(request_, INVALID, "output tensor alias not found in signature: no-such-output")
    assert "Outputs expected to be in the set {label,labels,scores}." in text


def test_output_named_twice(refused: Any, request_: Any) -> None:
    """predict_util.cc, PreProcessPrediction."""
    request_.output_filter.extend(["label", "scores", "label"])
    refused(request_, INVALID, "duplicate output tensor alias: label")


def test_inputs_are_checked_before_outputs(refused: Any, request_: Any) -> None:
    """predict_util.cc, PreProcessPrediction: in this order."""
    request_.output_filter.append("no-such-output")
    del request_.inputs["image"]
    refused(request_, INVALID, "input size does not match signature")


@pytest.mark.parametrize("neighbours", [0, 2])
def test_bad_picture_is_refused_and_the_next_request_answered(
    refused: Any, request_: Any, prediction_service: Any, picture: bytes, neighbours: int
) -> None:
    """kernels/decode_image_op.cc of TensorFlow: errors::InvalidArgument, in the model's words."""
    pictures = [NOT_A_PICTURE, *[picture] * neighbours]
    bad = requests_grpc.predict(request_.model_spec.name, *pictures)
    refused(bad, INVALID)
    answer = prediction_service.Predict(request_, timeout=TIMEOUT_S)
    assert output(answer, "label").shape == (1,)


def test_truncated_picture_is_refused_or_answered(
    prediction_service: Any, target: Target, large_picture: bytes
) -> None:
    """Whether half a picture is one is the decoder's to say; a server must survive it."""
    half = large_picture[: len(large_picture) // 2]
    request = requests_grpc.predict(target.model, half)
    call = prediction_service.Predict.future(request, timeout=TIMEOUT_S)
    assert call.code() in (grpc.StatusCode.OK, INVALID), call.details()


def test_error_text_is_cut(refused: Any, request_: Any) -> None:
    """grpc_status_util.cc, ToGRPCStatus: kErrorMessageLimit; the bytes around it are gRPC's."""
    request_.model_spec.signature_name = "x" * 5000
    text = refused(request_, grpc.StatusCode.FAILED_PRECONDITION, "^Serving signature key")
    assert len(text) < 2000


def test_deadline_is_kept(
    prediction_service: Any, target: Target, request_: Any, large_picture: bytes
) -> None:
    """gRPC's own promise, whether or not the server was started with
    --enforce_session_run_timeout."""
    long = requests_grpc.predict(target.model, *[large_picture] * 4)
    with pytest.raises(grpc.RpcError) as caught:
        prediction_service.Predict(long, timeout=0.001)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    answer = prediction_service.Predict(request_, timeout=TIMEOUT_S)
    assert output(answer, "label").shape == (1,)
