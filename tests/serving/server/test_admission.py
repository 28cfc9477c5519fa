"""What a request claims is held against the limits before anything is made of it."""

import gc
import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2

from serving.server import admission, workers
from serving.server.json_body import parse, shown
from serving.server.options import Limits
from serving.status import InvalidArgumentError

LIMITS = Limits()


def request_of(shape: list[int], values: int = 1, dtype: Any = tf.string) -> Any:
    request = predict_pb2.PredictRequest()
    proto = request.inputs["x"]
    proto.dtype = dtype.as_datatype_enum
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == tf.string:
        proto.string_val.extend([b"x"] * values)
    else:
        proto.float_val.extend([1.0] * values)
    return request


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (request_of([30_000_000]), "may have 67108864 bytes"),
        (request_of([1, 30_000_000]), "may have 67108864 bytes"),
        (request_of([1, 2_000_000]), "all values must be given"),
        (request_of([1, 4000, 4000], dtype=tf.float32), "all values must be given"),
        (request_of([1025], 1025), "may hold 1024 inputs. Received: 1025"),
        (request_of([1025], 1), "may hold 1024 inputs. Received: 1025"),
        (request_of([1] * 255), "may have 254 dimensions. Received: 255"),
    ],
)
def test_a_small_message_cannot_ask_for_a_large_tensor(request_: Any, text: str) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgumentError, match=text):
            admission.check_predict(request_, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "request_",
    [
        request_of([1024], 1024),
        request_of([1024], 1),  # abbreviated, but small
        request_of([8, 224, 224, 3], 8 * 224 * 224 * 3, tf.float32),
        request_of([]),
        request_of([-1]),  # what it means is told later
        request_of([0, 2**40]),
    ],
)
def test_requests_as_clients_send_them_pass(request_: Any) -> None:
    admission.check_predict(request_, LIMITS)


def test_many_inputs_are_refused() -> None:
    request = predict_pb2.PredictRequest()
    for number in range(1025):
        request.inputs[str(number)].dtype = 7
    with pytest.raises(InvalidArgumentError, match="may name 1024 inputs"):
        admission.check_predict(request, LIMITS)


def test_a_message_of_many_fields_is_refused_before_it_is_parsed() -> None:
    dimensions = b"\x12\x02\x08\x01" * 100_000
    shape = b"\x12" + varint(len(dimensions)) + dimensions
    entry = b"\x0a\x01x\x12" + varint(len(shape)) + shape
    data = b"\x12" + varint(len(entry)) + entry
    parsed = predict_pb2.PredictRequest.FromString(data)
    assert len(parsed.inputs["x"].tensor_shape.dim) == 100_000
    with pytest.raises(InvalidArgumentError, match="may have 65536 fields"):
        admission.check_message(data, predict_pb2.PredictRequest)


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@pytest.mark.parametrize("body", [b'["",' * 2**20, b"[" * 2**21, b"{" * 2**21])
def test_a_body_of_many_values_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="may hold 1048576 JSON values"):
        workers.Workers().for_body(body)


@pytest.mark.parametrize("form", ["instances", "inputs", "named"])
def test_the_rows_of_a_document_are_limited(form: str) -> None:
    rows = ['"x"'] * 1025
    content = f'{{"image": [{",".join(rows)}]}}' if form == "named" else f"[{','.join(rows)}]"
    key = "inputs" if form == "named" else form
    with pytest.raises(InvalidArgumentError, match=r"may hold 1024 inputs. Received: 1025"):
        workers.check_rows(parse(f'{{"{key}": {content}}}'.encode()), LIMITS)


def test_an_error_shows_the_beginning_of_a_document_and_writes_no_more_of_it() -> None:
    document = {"instances": ["é", 1.5, None, {"b64": "x"}] * 100_000}
    expected = json.dumps(document, ensure_ascii=False)[:256]
    tracemalloc.start()
    try:
        assert shown(document) == expected
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()
    assert shown(json.loads("[" * 900 + "]" * 900)) == "[" * 256


def test_a_context_that_is_repeated_for_each_example_is_limited() -> None:
    message = classification_pb2.ClassificationRequest().input
    listed = message.example_list_with_context
    listed.context.features.feature["x"].bytes_list.value.append(bytes(2**20))
    for _ in range(60):
        listed.examples.add()
    admission.check_input(message, LIMITS)
    for _ in range(10):
        listed.examples.add()
    with pytest.raises(InvalidArgumentError, match="A context is repeated for each example"):
        admission.check_input(message, LIMITS)
    del listed.context.features.feature["x"]
    for _ in range(1000):
        listed.examples.add()
    with pytest.raises(InvalidArgumentError, match="may hold 1024 inputs"):
        admission.check_input(message, LIMITS)


def test_examples_of_many_fields_are_refused() -> None:
    example = example_pb2.Example()
    for number in range(40_000):
        example.features.feature[str(number)].int64_list.value.append(1)
    admission.check_examples([np.zeros(3), np.array([b"\xff" * 200_000], object)])
    with pytest.raises(InvalidArgumentError, match="may have 65536 fields"):
        admission.check_examples([np.array([example.SerializeToString()], object)])
