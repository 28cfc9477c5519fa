"""Fields are counted as the parser would find them, and no further than needed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis import classification_pb2, predict_pb2

from serving.server.wire import MAX_FIELDS, has_more_fields


def count(message: Any) -> int:
    """The fields of a message, by protobuf's own account."""
    found = 0
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key in value:
                found += 3 + count(value[key])  # the entry, its key, its value
            continue
        values = value if hasattr(value, "append") or hasattr(value, "add") else [value]
        is_packed = field.cpp_type not in (field.CPPTYPE_STRING, field.CPPTYPE_MESSAGE)
        found += 1 if is_packed else len(values)
        if field.message_type is not None:
            found += sum(map(count, values))
    return found


@given(
    strings=st.lists(st.binary(max_size=9), max_size=9),
    dims=st.lists(st.integers(1, 2**40), max_size=5),
    floats=st.lists(st.floats(width=32), max_size=5),
    name=st.text(max_size=5),
)
def test_as_many_fields_are_counted_as_there_are(
    strings: list[bytes], dims: list[int], floats: list[float], name: str
) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.version.value = 7
    tensor = request.inputs["image"]
    tensor.string_val.extend(strings)
    tensor.float_val.extend(floats)
    for size in dims:
        tensor.tensor_shape.dim.add(size=size)
    request.output_filter.append("scores")
    data, expected = request.SerializeToString(), count(request)
    assert has_more_fields(data, predict_pb2.PredictRequest, expected - 1)
    assert not has_more_fields(data, predict_pb2.PredictRequest, expected)


@given(st.binary(max_size=300))
def test_any_bytes_are_counted(data: bytes) -> None:
    assert has_more_fields(data, predict_pb2.PredictRequest, 0) == bool(data)
    assert not has_more_fields(data, predict_pb2.PredictRequest, len(data))


@pytest.mark.parametrize("shape", ["dimensions", "strings", "inputs", "examples"])
def test_a_message_of_many_parts_is_told_from_one_with_large_parts(shape: str) -> None:
    request: Any = predict_pb2.PredictRequest()
    if shape == "dimensions":
        for _ in range(MAX_FIELDS):
            request.inputs["image"].tensor_shape.dim.add(size=1)
    elif shape == "strings":
        request.inputs["image"].string_val.extend([b""] * MAX_FIELDS)
    elif shape == "inputs":
        for number in range(MAX_FIELDS // 2):
            request.inputs[str(number)].dtype = 7
    else:
        request = classification_pb2.ClassificationRequest()
        for _ in range(MAX_FIELDS):
            request.input.example_list.examples.add()
    assert has_more_fields(request.SerializeToString(), type(request))
    request = predict_pb2.PredictRequest()
    request.inputs["image"].string_val.extend([b"x" * 2**20] * 30)
    request.inputs["numbers"].float_val.extend([1.0] * 200_000)
    assert not has_more_fields(request.SerializeToString(), type(request))
