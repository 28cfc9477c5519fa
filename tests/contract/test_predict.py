"""gRPC Predict, answered. Sources are files of github.com/tensorflow/serving."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tests.contract import requests_grpc
from tests.contract.requests_grpc import output
from tests.contract.target import TIMEOUT_S, TOLERANCE, Target

OUTPUTS = ("scores", "labels", "label")


@pytest.fixture
def predict(prediction_service: Any, target: Target) -> Any:
    def ask(*pictures: bytes, **spec: Any) -> Any:
        request = requests_grpc.predict(target.model, *pictures, **spec)
        return prediction_service.Predict(request, timeout=TIMEOUT_S)

    return ask


def test_one_picture_gets_one_row_of_every_output(predict: Any, picture: bytes) -> None:
    """predict_util.cc, PreProcessPrediction: without a filter all outputs of the signature."""
    response = predict(picture)
    assert set(response.outputs) == set(OUTPUTS)
    scores, labels, label = (output(response, name) for name in OUTPUTS)
    assert scores.dtype == np.float32
    assert scores.shape == labels.shape
    assert scores.shape[0] == 1
    assert label.shape == (1,)
    assert np.isfinite(scores).all()


def test_shapes_and_types_are_the_signatures(
    predict: Any, picture: bytes, other_picture: bytes, signature: Any
) -> None:
    """predict_util.cc, PostProcessPredictionResult: Tensor::AsProtoField fills both in."""
    response = predict(picture, other_picture)
    for name in OUTPUTS:
        sent, promised = response.outputs[name], signature.outputs[name]
        assert sent.dtype == promised.dtype
        sizes = [dim.size for dim in sent.tensor_shape.dim]
        assert tf.TensorShape(promised.tensor_shape).is_compatible_with(sizes)


def test_label_is_that_of_the_highest_score(
    predict: Any, picture: bytes, other_picture: bytes
) -> None:
    """The signature's own promise: README.md, Serve and call."""
    response = predict(picture, other_picture)
    scores, labels, label = (output(response, name) for name in OUTPUTS)
    assert (labels == labels[0]).all()
    assert label.tolist() == [labels[0][best] for best in scores.argmax(axis=1)]


def test_model_spec_of_the_answer_is_filled_in(
    predict: Any, picture: bytes, target: Target, version: int
) -> None:
    """util.cc, MakeModelSpec: name, version, and the default signature's name; no label."""
    spec = predict(picture).model_spec
    assert spec.name == target.model
    assert spec.version.value == version
    assert spec.signature_name == "serving_default"
    assert spec.WhichOneof("version_choice") == "version"


def test_batch_is_answered_in_its_order(predict: Any, picture: bytes, other_picture: bytes) -> None:
    """predict_util.cc, RunPredict: one run for the whole tensor."""
    forth = output(predict(picture, other_picture, picture), "scores")
    back = output(predict(other_picture, picture, other_picture), "scores")
    assert not np.array_equal(forth[0], forth[1])
    np.testing.assert_allclose(forth[0], forth[2], **TOLERANCE)
    np.testing.assert_allclose(forth[:2], back[1::-1], **TOLERANCE)


def test_batch_scores_like_single_pictures(
    predict: Any, picture: bytes, other_picture: bytes
) -> None:
    together = output(predict(picture, other_picture), "scores")
    alone = [output(predict(one), "scores")[0] for one in (picture, other_picture)]
    np.testing.assert_allclose(together, alone, **TOLERANCE)


def test_versions_can_be_asked_for_by_number(
    predict: Any, picture: bytes, available: list[int]
) -> None:
    """server_core.cc, ServableRequestFromModelSpec: kVersion -> Specific."""
    for version in available:
        assert predict(picture, version=version).model_spec.version.value == version


def test_newest_version_answers_if_none_is_asked_for(available: list[int], version: int) -> None:
    """server_core.cc, ServableRequestFromModelSpec: VERSION_CHOICE_NOT_SET -> Latest."""
    assert version == max(available)


def test_version_can_be_asked_for_by_label(
    predict: Any, picture: bytes, label: str, available: list[int]
) -> None:
    """server_core.cc, ServableRequestFromModelSpec: the answer tells the number only."""
    spec = predict(picture, version_label=label).model_spec
    assert spec.WhichOneof("version_choice") == "version"
    assert spec.version.value in available


def test_signature_can_be_asked_for_by_name(predict: Any, picture: bytes) -> None:
    """predict_util.cc, RunPredict."""
    response = predict(picture, signature_name="serving_default")
    np.testing.assert_allclose(
        output(response, "scores"), output(predict(picture), "scores"), **TOLERANCE
    )


@pytest.mark.parametrize("chosen", [("label",), ("scores", "label"), ("labels", "scores")])
def test_output_filter_leaves_the_others_out(
    prediction_service: Any, target: Target, picture: bytes, chosen: tuple[str, ...]
) -> None:
    """predict_util.cc, PreProcessPrediction; predict.proto, output_filter."""
    request = requests_grpc.predict(target.model, picture)
    request.output_filter.extend(chosen)
    response = prediction_service.Predict(request, timeout=TIMEOUT_S)
    assert set(response.outputs) == set(chosen)


def test_empty_batch_is_answered_or_refused(
    prediction_service: Any, target: Target, picture: bytes
) -> None:
    """predict_util.cc leaves it to the model; with batching the session may refuse it."""
    call = prediction_service.Predict.future(requests_grpc.predict(target.model), timeout=TIMEOUT_S)
    assert call.code() in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), call.details()
    if call.code() is grpc.StatusCode.OK:
        assert [output(call.result(), name).shape[0] for name in OUTPUTS] == [0, 0, 0]


def test_last_value_stands_for_those_left_out(
    prediction_service: Any, target: Target, picture: bytes
) -> None:
    """saved_model::GetInputValues calls Tensor::FromProto: tensorflow/core/framework/tensor.cc,
    FromProtoField. `tf.make_tensor_proto` writes tensors of equal values so."""
    request = requests_grpc.predict(target.model)
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(picture, tf.string, [3]))
    assert len(request.inputs["image"].string_val) == 1
    scores = output(prediction_service.Predict(request, timeout=TIMEOUT_S), "scores")
    assert scores.shape[0] == 3
    np.testing.assert_allclose(scores, scores[[0, 0, 0]], **TOLERANCE)


def test_strings_may_come_as_tensor_content(
    prediction_service: Any, target: Target, picture: bytes, other_picture: bytes
) -> None:
    """tensorflow/core/framework/tensor.cc, FromProto: port::DecodeStringList, the lengths as
    varints, then the strings."""
    request = requests_grpc.predict(target.model)
    lengths = b"".join(_varint(len(one)) for one in (picture, other_picture))
    tensor = request.inputs["image"]
    tensor.tensor_shape.dim[0].size = 2
    tensor.tensor_content = lengths + picture + other_picture
    content = prediction_service.Predict(request, timeout=TIMEOUT_S)
    values = prediction_service.Predict(
        requests_grpc.predict(target.model, picture, other_picture), timeout=TIMEOUT_S
    )
    np.testing.assert_allclose(output(content, "scores"), output(values, "scores"), **TOLERANCE)


def _varint(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def test_message_larger_than_4_mib_is_answered(predict: Any, large_picture: bytes) -> None:
    """server.cc, BuildAndStart: SetMaxMessageSize(numeric_limits<int32>::max())."""
    assert output(predict(large_picture), "scores").shape[0] == 1


def test_requests_in_parallel_get_their_own_answers(
    predict: Any, picture: bytes, other_picture: bytes
) -> None:
    """Batching across requests must not mix them: g3doc/serving_config.md, Batching."""
    asked = [picture, other_picture] * 8
    expected = [output(predict(one), "scores")[0] for one in asked[:2]] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: output(predict(one), "scores")[0], asked))
    np.testing.assert_allclose(answers, expected, **TOLERANCE)


def test_input_of_the_signature_is_a_vector_of_strings(signature: Any) -> None:
    """README.md, Serve and call."""
    image = signature.inputs["image"]
    assert image.dtype == types_pb2.DT_STRING
    assert [dim.size for dim in image.tensor_shape.dim] == [-1]
