"""Classify, and the short reply: the same answers as Predict's default signature, best first.

Sources are files of github.com/tensorflow/serving.
"""

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    input_pb2,
)

from bitpipe.model.signature import CLASSIFY, SERVING_TOP, TOP_K
from tests.contract import requests_grpc
from tests.contract.requests_grpc import output
from tests.contract.target import TIMEOUT_S, TOLERANCE, BadRequest, Refusal, Rest, Target, b64

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def signatures(metadata: Any, signature: Any) -> Any:
    """Name -> SignatureDef."""
    found = get_model_metadata_pb2.SignatureDefMap()
    metadata.metadata["signature_def"].Unpack(found)
    if not {CLASSIFY, SERVING_TOP} <= set(found.signature_def):
        pytest.skip(f"the model was exported before there were {CLASSIFY} and {SERVING_TOP}")
    return found.signature_def


@pytest.fixture
def pictures(signatures: Any, picture: bytes, other_picture: bytes) -> list[bytes]:
    return [picture, other_picture]


@pytest.fixture
def expected(
    prediction_service: Any, target: Target, pictures: list[bytes]
) -> list[list[tuple[str, float]]]:
    """(label, score) of each picture, best first, by the default signature."""
    answer = prediction_service.Predict(
        requests_grpc.predict(target.model, *pictures), timeout=TIMEOUT_S
    )
    rows = zip(output(answer, "labels"), output(answer, "scores"), strict=True)
    return [
        sorted(
            zip([label.decode() for label in labels], scores.tolist(), strict=True),
            key=lambda pair: -pair[1],
        )
        for labels, scores in rows
    ]


def example(picture: bytes) -> tf.train.Example:
    message = tf.train.Example()
    message.features.feature["image"].bytes_list.value.append(picture)
    return message


@pytest.fixture
def request_(target: Target, pictures: list[bytes]) -> Any:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = target.model
    request.model_spec.signature_name = CLASSIFY
    request.input.example_list.examples.extend(map(example, pictures))
    return request


def assert_close(received: Any, expected: list[list[tuple[str, float]]]) -> None:
    assert [[label for label, _ in row] for row in received] == [
        [label for label, _ in row] for row in expected
    ]
    np.testing.assert_allclose(
        [[score for _, score in row] for row in received],
        [[score for _, score in row] for row in expected],
        **TOLERANCE,
    )


def test_classify_answers_like_predict(
    prediction_service: Any, request_: Any, expected: Any, version: int
) -> None:
    """classifier.cc, PostProcessClassificationResult."""
    response = prediction_service.Classify(request_, timeout=TIMEOUT_S)
    rows = [
        [(one.label, one.score) for one in row.classes] for row in response.result.classifications
    ]
    assert_close(rows, expected)
    assert response.model_spec.version.value == version
    assert response.model_spec.signature_name == CLASSIFY


def test_a_picture_may_be_the_context_of_examples(
    prediction_service: Any, request_: Any, pictures: list[bytes], expected: Any
) -> None:
    """util.cc, InputToSerializedExampleTensor."""
    listed = input_pb2.ExampleListWithContext(
        context=example(pictures[0]), examples=[tf.train.Example()]
    )
    request_.input.example_list_with_context.CopyFrom(listed)
    response = prediction_service.Classify(request_, timeout=TIMEOUT_S)
    (row,) = response.result.classifications
    assert row.classes[0].label == expected[0][0][0]


def test_classify_refuses_what_holds_no_picture(
    prediction_service: Any, request_: Any, refusal: Refusal
) -> None:
    """kernels/example_parsing_ops.cc and decode_image_op.cc of TensorFlow, in their words."""
    request_.input.example_list.examples.add()
    refusal(prediction_service.Classify, request_, INVALID, "image")
    request_.input.example_list.examples[-1].CopyFrom(example(b"no picture"))
    refusal(prediction_service.Classify, request_, INVALID)
    del request_.input.example_list.examples[:]
    refusal(prediction_service.Classify, request_, INVALID, "Input is empty")


@pytest.mark.parametrize("listed", [False, True])
def test_classify_over_rest_answers_like_predict(
    rest: Rest, pictures: list[bytes], expected: Any, listed: bool
) -> None:
    """json_tensor.cc, MakeExampleFromJsonObject and MakeJsonFromClassificationResult."""
    values = [[b64(data)] if listed else b64(data) for data in pictures]
    body = {"signature_name": CLASSIFY, "examples": [{"image": value} for value in values]}
    response = rest.classify(body)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["result"]
    assert_close(response.json()["result"], expected)


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": ["a"]}, "Example must be JSON object but got JSON String"),
        ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        (
            {"examples": [{"image": None}]},
            "Feature: image has element with unexpected JSON type: Null",
        ),
        (
            {"examples": [{"image": {"a": 1}}]},
            "Feature: image has element with unexpected JSON type: Object",
        ),
        (
            {"examples": [{"image": [["a"]]}]},
            "Feature: image has element with unexpected JSON type: Array",
        ),
        (
            {"examples": [{"image": ["a", 1]}]},
            "Unexpected element type in feature: image expecting type: bytes",
        ),
        (
            {"examples": [{"image": [1, 1.5]}]},
            "Unexpected element type in feature: image expecting type: int64",
        ),
        ({"examples": [{"image": 2**63}]}, "Feature: image has uint64 element"),
    ],
)
def test_examples_in_json_that_are_none_are_refused(
    rest: Rest, signatures: Any, bad_request: BadRequest, body: dict, pattern: str
) -> None:
    """json_tensor.cc, FillClassifyRegressRequestFromJson and AddValueToFeature."""
    bad_request(rest.classify({"signature_name": CLASSIFY, **body}), pattern)


def test_short_reply_holds_the_best_labels_alone(
    prediction_service: Any, target: Target, pictures: list[bytes], expected: Any
) -> None:
    request = requests_grpc.predict(target.model, *pictures, signature_name=SERVING_TOP)
    answer = prediction_service.Predict(request, timeout=TIMEOUT_S)
    assert set(answer.outputs) == {"scores", "labels", "label"}
    rows = zip(output(answer, "labels"), output(answer, "scores"), strict=True)
    received = [
        [(label.decode(), score) for label, score in zip(*row, strict=True)] for row in rows
    ]
    assert_close(received, [row[:TOP_K] for row in expected])
    assert [label.decode() for label in output(answer, "label")] == [row[0][0] for row in expected]


def test_short_reply_takes_the_same_body_over_rest(
    rest: Rest, pictures: list[bytes], expected: Any
) -> None:
    body = {"signature_name": SERVING_TOP, "instances": [b64(data) for data in pictures]}
    response = rest.predict(body)
    assert response.status_code == 200, response.text
    assert [row["label"] for row in response.json()["predictions"]] == [
        row[0][0] for row in expected
    ]
    assert_close(
        [
            list(zip(row["labels"], row["scores"], strict=True))
            for row in response.json()["predictions"]
        ],
        [row[:TOP_K] for row in expected],
    )
