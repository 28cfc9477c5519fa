"""Between TensorProtos and NumPy arrays, as TensorFlow Serving does it."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from serving.status import InvalidArgumentError

# A numeric tensor may leave out a tail of equal values: a small message can ask for a huge array.
_MAX_TENSOR_BYTES = 2**28

# TensorFlow Serving replies in these fields, never in `tensor_content`, and clients rely on it.
_VALUE_FIELDS = {
    tf.bool: "bool_val",
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.string: "string_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
}


def array(alias: str, index: int, proto: Any, info: Any) -> np.ndarray:
    """The value of a TensorProto, checked against the TensorInfo of the signature.

    Args:
        alias: the input's name in the signature.
        index: its place among the sorted names, for TensorFlow Serving's text.
        proto: the TensorProto.
        info: the TensorInfo.

    Raises:
        InvalidArgumentError: another dtype or shape, or values that do not fill it.
    """
    if proto.dtype != info.dtype:
        raise InvalidArgumentError(
            f"input {alias}: Expects arg[{index}] to be {type_name(info)} but "
            f"{type_name(proto)} is provided",
        )
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    count = math.prod(sizes)
    dtype = tf.dtypes.as_dtype(info.dtype)
    if (
        proto.tensor_shape.unknown_rank
        or min(sizes, default=0) < 0
        or count * max(dtype.size, 8) > _MAX_TENSOR_BYTES
    ):
        raise InvalidArgumentError(f"tensor parsing error: {alias}")
    expected = tf.TensorShape(info.tensor_shape)
    if not expected.is_compatible_with(sizes):
        raise InvalidArgumentError(
            f"input {alias}: Expects shape {expected} but {tuple(sizes)} is provided"
        )
    if dtype == tf.string and not proto.tensor_content:
        return _strings(proto.string_val, count).reshape(sizes)
    try:
        if dtype == tf.string:  # lengths and bytes, which make_ndarray does not read
            return tf.io.parse_tensor(proto.SerializeToString(), tf.string).numpy()
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise InvalidArgumentError(f"tensor parsing error: {alias}") from error


def _strings(values: Any, count: int) -> np.ndarray:
    """As Tensor::FromProto: the last value stands for those left out, and the rest is ignored."""
    array = np.empty(count, object)
    given = min(len(values), count)
    array[:given] = values[:given]
    array[given:] = values[-1] if values else b""
    return array


def fill(proto: Any, value: np.ndarray, dtype: tf.DType) -> None:
    """Writes an array into a TensorProto."""
    field = _VALUE_FIELDS.get(dtype)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(value, dtype))
        return
    proto.dtype = dtype.as_datatype_enum
    for size in np.shape(value):
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, field).extend(np.ravel(value).tolist())


def type_name(message: Any) -> str:
    """The dtype as C++ spells it: float, not float32."""
    names = message.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number
    value = names.get(message.dtype)
    return f"type {message.dtype}" if value is None else value.name[len("DT_") :].lower()
