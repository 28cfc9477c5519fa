"""Classify, on a model that was exported for it."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    input_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import ModelServer, classify, limits
from serving.server.options import Limits
from serving.status import FailedPreconditionError, InvalidArgumentError


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A model whose classes are "small" and "large", with the scores 1 - x and x."""
    folder = tmp_path_factory.mktemp("models")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        serialized = tf.compat.v1.placeholder(tf.string, [None])
        x = tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        scores = tf.stack([1 - x, x], axis=1)
        classes = tf.tile([["small", "large"]], [tf.size(x), 1])
        signature = tf.compat.v1.saved_model.classification_signature_def(
            serialized, classes, scores
        )
        builder = tf.compat.v1.saved_model.Builder(str(folder / "sizes" / "4"))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature}
        )
        builder.save()
    with (
        ModelServer(folder, "sizes", port=0) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def example(**features: float) -> tf.train.Example:
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message


def request(**given: Any) -> Any:
    message = classification_pb2.ClassificationRequest(**given)
    message.model_spec.name = "sizes"
    return message


def test_examples_are_given_classes_and_scores(stub: Any) -> None:
    listed = input_pb2.ExampleList(examples=[example(x=0.25), example(x=1.0)])
    response = stub.Classify(request(input={"example_list": listed}), timeout=20)
    assert [
        [(one.label, one.score) for one in row.classes] for row in response.result.classifications
    ] == [[("small", 0.75), ("large", 0.25)], [("small", 0.0), ("large", 1.0)]]
    assert response.model_spec.version.value == 4
    assert response.model_spec.signature_name == "serving_default"


def test_the_context_is_part_of_every_example(stub: Any) -> None:
    listed = input_pb2.ExampleListWithContext(
        examples=[example(other=1.0)] * 2, context=example(x=0.5)
    )
    response = stub.Classify(request(input={"example_list_with_context": listed}), timeout=20)
    assert [row.classes[1].score for row in response.result.classifications] == [0.5, 0.5]


def test_no_examples_and_bad_examples_are_refused(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as empty:
        stub.Classify(request(), timeout=20)
    assert empty.value.details() == "Input is empty."
    listed = input_pb2.ExampleList(examples=[example(x=0.25), example(other=1.0)])
    with pytest.raises(grpc.RpcError) as bad:
        stub.Classify(request(input={"example_list": listed}), timeout=20)
    assert bad.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "(input 1 of 2, counted from 0)" in bad.value.details()


@pytest.mark.parametrize(
    ("inputs", "outputs", "text"),
    [
        (["x"], ["classes", "scores"], "No classification inputs found in SignatureDef: "),
        (["inputs"], ["labels", "probabilities"], 'contain at least one of "classes" or "scores"'),
    ],
)
def test_a_signature_with_other_names_is_refused_as_by_tensorflow_serving(
    inputs: list[str], outputs: list[str], text: str
) -> None:
    signature = meta_graph_pb2.SignatureDef()
    for name in inputs:
        signature.inputs[name].dtype = 7
    for name in outputs:
        signature.outputs[name].dtype = 7
    with pytest.raises(FailedPreconditionError) as caught:
        classify.check({"mine": signature}, "mine")
    assert text in str(caught.value)
    assert "Set signature_name to" not in str(caught.value)


def test_pixels_of_pictures_in_examples_are_limited(encode: Callable[..., bytes]) -> None:
    """Else Classify would decode what Predict refuses by its header."""
    huge = bytearray(encode("red"))
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    hiding = tf.train.Example()
    hiding.features.feature["image"].bytes_list.value.append(bytes(huge))
    given = np.array([example(x=1.0).SerializeToString(), hiding.SerializeToString()], object)
    with pytest.raises(InvalidArgumentError, match=r"\(input 1 of 2, counted from 0\)"):
        limits.check((given,), Limits(), classify.pictures)
    assert limits.check((np.array([b"\xff no message"], object),), Limits(), classify.pictures) == [
        0
    ]


LABELS = np.array([[b"a", b"b"]], object)
SCORES = np.array([[0.5, 0.5]], np.float32)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"classes": LABELS[0]}, "[batch_size num_classes] but got [2]"),
        ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: float32"),
        ({"scores": SCORES.astype(np.float64)}, "Expected scores Tensor of DT_FLOAT. Got: float64"),
        ({"scores": np.repeat(SCORES, 2, 0)}, "Expected scores output batch size of 1. Got: 2"),
        ({"classes": LABELS, "scores": SCORES[:, :1]}, "Got 2 vs. 1"),
    ],
)
def test_outputs_that_are_no_classes_are_refused(outputs: dict, text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        classify.response(outputs, 1)
    assert text in str(caught.value)


@pytest.mark.parametrize("name", ["classes", "scores"])
def test_one_of_both_outputs_is_enough(name: str) -> None:
    reply = classify.response({name: {"classes": LABELS, "scores": SCORES}[name]}, 1)
    first = reply.result.classifications[0].classes[0]
    assert (first.label, first.score) == (("a", 0.0) if name == "classes" else ("", 0.5))
