"""What a request may hold, held against its limits before anything is made of it."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.example import example_pb2

from serving.server import wire
from serving.server.options import Limits
from serving.status import InvalidArgumentError

# Of a TensorShape: TensorFlow has no tensors of more dimensions.
_MAX_RANK = 254
_MAX_INPUTS = 1024
# Of a tensor whose last value stands for many that are left out: a message of 34 bytes can ask for
# any size.
_MAX_ABBREVIATED_BYTES = 2**22
_POINTER_BYTES = 8


def check_message(data: bytes, message_class: Any) -> None:
    """Raises InvalidArgumentError where a serialized message has too many parts to be parsed."""
    if wire.has_more_fields(data, message_class):
        raise InvalidArgumentError(
            f"A request may have {wire.MAX_FIELDS} fields, those of its tensors included. "
            f"Received: more. Send fewer inputs, or numbers in packed fields."
        )


def check_rows(rows: int, limits: Limits) -> None:
    """Raises InvalidArgumentError where a request has too many rows."""
    if rows > limits.max_rows:
        raise InvalidArgumentError(
            f"A request may hold {limits.max_rows} inputs. Received: {rows}. Send fewer."
        )


def check_predict(request: Any, limits: Limits) -> None:
    """Checks the sizes that the tensors of a PredictRequest claim.

    Raises:
        InvalidArgumentError: too many inputs, dimensions, rows, or values that are left out.
    """
    if len(request.inputs) > _MAX_INPUTS:
        raise InvalidArgumentError(
            f"A request may name {_MAX_INPUTS} inputs. Received: {len(request.inputs)}."
        )
    for alias, proto in request.inputs.items():
        dims = proto.tensor_shape.dim
        if len(dims) > _MAX_RANK:
            raise InvalidArgumentError(
                f"tensor parsing error: {alias}: a shape may have {_MAX_RANK} dimensions. "
                f"Received: {len(dims)}."
            )
        sizes = [dim.size for dim in dims]
        count = math.prod(sizes)
        size = _size(proto.dtype)
        if count * size > limits.max_message_bytes:
            raise InvalidArgumentError(
                f"tensor parsing error: {alias}: a tensor may have {limits.max_message_bytes} "
                f"bytes. Received: the shape {sizes}."
            )
        if sizes:
            check_rows(sizes[0], limits)
        if count * size > _MAX_ABBREVIATED_BYTES and _is_abbreviated(proto, count):
            raise InvalidArgumentError(
                f"tensor parsing error: {alias}: of a tensor of more than "
                f"{_MAX_ABBREVIATED_BYTES} bytes all values must be given. Received: fewer than "
                f"the {count} of its shape."
            )


def check_input(message: Any, limits: Limits) -> None:
    """Checks an `Input` of Classify, whose context is to be repeated for each example.

    Raises:
        InvalidArgumentError: too many examples, or too much with the context.
    """
    examples = message.example_list.examples
    context_bytes = 0
    if message.WhichOneof("kind") == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context_bytes = message.example_list_with_context.context.ByteSize()
    check_rows(len(examples), limits)
    if context_bytes * len(examples) > limits.max_message_bytes:
        raise InvalidArgumentError(
            f"A context is repeated for each example, and all of them may have "
            f"{limits.max_message_bytes} bytes. Received: {context_bytes} bytes for "
            f"{len(examples)} examples. Send the features with the examples."
        )


def check_examples(inputs: Iterable[np.ndarray]) -> None:
    """Raises InvalidArgumentError where arrays of serialized tf.Examples have too many fields."""
    for array in inputs:
        if array.dtype == object:
            # Joined, messages are one message.
            check_message(b"".join(array.flat), example_pb2.Example)


def _size(dtype: int) -> int:
    """Bytes of a value as NumPy holds it."""
    try:
        return max(tf.dtypes.as_dtype(dtype).size, 1) if dtype != tf.string else _POINTER_BYTES
    except TypeError:  # no such dtype, as the signature's will tell
        return _POINTER_BYTES


def _is_abbreviated(proto: Any, count: int) -> bool:
    if proto.tensor_content:
        return False  # which must be whole
    values = max(
        (len(value) for field, value in proto.ListFields() if field.name.endswith("_val")),
        default=0,
    )
    return values < count
