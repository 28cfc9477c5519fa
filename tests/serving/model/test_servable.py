"""A model of numbers, where the server's tests have one of pictures."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.model.servable import SavedModelServable
from serving.status import Code, InvalidArgumentError, StatusError

DTYPES = (tf.float32, tf.float64, tf.float16, tf.int32, tf.int64, tf.uint8, tf.bool)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedModelServable]:
    """Returns what it is sent; a signature per dtype, named like it."""
    folder = tmp_path_factory.mktemp("echo")
    module = tf.Module()
    signatures = {
        dtype.name: tf.function(
            lambda x: {"x": tf.identity(x)},
            input_signature=[tf.TensorSpec([None, 2], dtype, name="x")],
        ).get_concrete_function()
        for dtype in DTYPES
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    servable = SavedModelServable(folder)
    yield servable
    servable.close()


def request_for(value: Any, dtype: tf.DType) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = dtype.name
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(value, dtype))
    return request


def shortened_request(rows: int, values: list[float]) -> Any:
    """For a (rows, 2) float tensor of which only the first values are sent."""
    request = request_for(np.empty((0, 2)), tf.float32)
    request.inputs["x"].tensor_shape.dim[0].size = rows
    request.inputs["x"].float_val.extend(values)
    return request


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_numbers_survive_the_way_in_and_out(echo: SavedModelServable, dtype: tf.DType) -> None:
    value = np.array([[0, 1], [1, 1], [1, 0]], dtype.as_numpy_dtype)
    received = tf.make_ndarray(echo.predict(request_for(value, dtype)).outputs["x"])
    np.testing.assert_array_equal(received, value)
    assert received.dtype == value.dtype


def test_tail_of_equal_numbers_may_be_left_out(echo: SavedModelServable) -> None:
    response = echo.predict(shortened_request(2, [1, 2]))
    assert tf.make_ndarray(response.outputs["x"]).tolist() == [[1, 2], [2, 2]]


@pytest.mark.parametrize("size", [2**26, 2**62, -1])
def test_small_message_cannot_ask_for_a_huge_tensor(echo: SavedModelServable, size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="tensor parsing error: x"):
        echo.predict(shortened_request(size, [1, 2]))


@pytest.mark.parametrize("name", ["run [1]", "what?", "every*", "back\\slash"])
def test_a_path_that_looks_like_a_pattern_is_a_path(
    saved_model: Path, tmp_path: Path, name: str, encode: Callable[..., bytes]
) -> None:
    shutil.copytree(saved_model, tmp_path / name / "1")
    servable = SavedModelServable(tmp_path / name / "1")
    answer = servable.run("serving_default", [np.array([encode("red")], object)])
    assert answer["label"].tolist() == [b"red"]
    servable.close()


def test_closed_model_frees_its_session(saved_model: Path, encode: Callable[..., bytes]) -> None:
    pictures = np.array([encode("red")], object)
    used, unused = SavedModelServable(saved_model), SavedModelServable(saved_model)
    used.run("serving_default", [pictures])
    for servable in (used, unused):
        servable.close()
        with pytest.raises(StatusError, match="Session has been closed") as caught:
            servable.run("serving_default", [pictures])
        assert caught.value.code is Code.CANCELLED
