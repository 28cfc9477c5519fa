"""From JSON to the inputs of a PredictRequest, as TensorFlow Serving's REST API has it.

Texts and rules are those of util/json_tensor.cc.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from serving.server.json_body import COLUMNAR, ROW, base64_bytes, is_base64, kind, shown
from serving.status import InvalidArgumentError, UnimplementedError

_Tensor = tuple[list[int], list[Any]]  # shape, values
_INTEGERS = {
    tf.int8: (-(2**31), 2**31),  # as TensorFlow Serving: whatever fits a C int
    tf.int16: (-(2**31), 2**31),
    tf.int32: (-(2**31), 2**31),
    tf.uint8: (-(2**31), 2**31),
    tf.int64: (-(2**63), 2**63),
    tf.uint32: (0, 2**32),
    tf.uint64: (0, 2**64),
}


def fill_request(document: dict[str, Any], infos: Mapping[str, Any], request: Any) -> str:
    """Fills the inputs of a PredictRequest from a parsed body.

    Args:
        document: the body.
        infos: name -> TensorInfo of the signature's inputs.
        request: whose inputs are filled.

    Returns:
        ROW or COLUMNAR, the format of the body and so of the reply.

    Raises:
        StatusError: with TensorFlow Serving's text.
    """
    if ROW in document and COLUMNAR in document:
        raise InvalidArgumentError(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of "
            f"'inputs' or 'instances' keys to exist "
        )
    if ROW in document:
        instances = document[ROW]
        if not isinstance(instances, list):
            raise InvalidArgumentError(
                f"JSON Value: {shown(document)} Expecting 'instances' to be an list/array"
            )
        if not instances:
            raise InvalidArgumentError(
                f"JSON Value: {shown(document)} No values in 'instances' array"
            )
        for name, tensor in _joined(instances, infos).items():
            _fill(request, name, tensor, infos)
        return ROW
    if COLUMNAR in document:
        for name, value in _named(document[COLUMNAR], infos).items():
            _fill(request, name, _tensor(value, infos[name]), infos)
        return COLUMNAR
    raise InvalidArgumentError("Missing 'inputs' or 'instances' key")


def _joined(instances: list[Any], infos: Mapping[str, Any]) -> dict[str, _Tensor]:
    """Name -> the values of all instances, which must have the same shape."""
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise InvalidArgumentError(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    named = _is_named(instances[0])
    joined: dict[str, _Tensor] = {}
    for index, item in enumerate(instances):
        if named and not _is_named(item):
            raise InvalidArgumentError(
                f"Expecting object but got list at item {index} of input list"
            )
        if not named and _is_named(item):
            raise InvalidArgumentError(
                f"Expecting value/list but got object at item {index} of input list"
            )
        values = item if named else {next(iter(infos)): item}
        for name, value in values.items():
            try:
                _append(joined, name, value, infos)
            except InvalidArgumentError as error:
                where = f"{index} key: {name}" if named else f"{index}"
                raise InvalidArgumentError(
                    f"Failed to process element: {where} of 'instances' list. Error: "
                    f"INVALID_ARGUMENT: {error}"
                ) from error
        if set(values) != set(infos):
            raise InvalidArgumentError(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{shown(item)} keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: ([len(instances), *shape], flat) for name, (shape, flat) in joined.items()}


def _append(joined: dict[str, _Tensor], name: str, value: Any, infos: Mapping[str, Any]) -> None:
    if name not in infos:
        raise InvalidArgumentError(f"JSON object: does not have named input: {name}")
    shape, flat = _tensor(value, infos[name])
    expected, values = joined.setdefault(name, (shape, []))
    if len(flat) != math.prod(expected):
        raise InvalidArgumentError(
            f"Expecting tensor size: {math.prod(expected)} but got: {len(flat)}"
        )
    if shape != expected:
        raise InvalidArgumentError(
            f"Expecting shape {_bracketed(expected)} but got: {_bracketed(shape)}"
        )
    values.extend(flat)


def _bracketed(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _named(value: Any, infos: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> value of the columnar format."""
    if not _is_named(value):
        if len(infos) > 1:
            raise InvalidArgumentError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {next(iter(infos)): value}
    for name in infos:
        if name not in value:
            raise InvalidArgumentError(f"Missing named input: {name} in 'inputs' object.")
    return {name: value[name] for name in infos}


def _is_named(value: Any) -> bool:
    """Whether it maps names to tensors, rather than being a string in base64."""
    return isinstance(value, dict) and not is_base64(value)


def _tensor(value: Any, info: Any) -> _Tensor:
    """Shape and values, in order, of a tensor written as nested lists."""
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    flat: list[Any] = []
    _flatten(value, 0, shape, tf.dtypes.as_dtype(info.dtype), flat)
    return shape, flat


def _fill(request: Any, name: str, tensor: _Tensor, infos: Mapping[str, Any]) -> None:
    shape, flat = tensor
    dtype = tf.dtypes.as_dtype(infos[name].dtype)
    proto = request.inputs[name]
    if dtype != tf.string:
        array = np.array(flat).astype(dtype.as_numpy_dtype).reshape(shape)
        proto.CopyFrom(tf.make_tensor_proto(array, dtype))
        return
    proto.dtype = infos[name].dtype
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    proto.string_val.extend(flat)


def _flatten(value: Any, level: int, shape: list[int], dtype: tf.DType, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidArgumentError(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        flat.append(_value(value, dtype))
        return
    if level >= len(shape):
        raise InvalidArgumentError(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise InvalidArgumentError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for item in value:
        _flatten(item, level + 1, shape, dtype, flat)


def _value(value: Any, dtype: tf.DType) -> Any:
    """A value of a tensor of this dtype."""
    if dtype == tf.string:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict):
            return base64_bytes(value)
    elif dtype == tf.bool:
        if isinstance(value, bool):
            return value
    elif dtype in (tf.float32, tf.float64):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif dtype in _INTEGERS:
        low, high = _INTEGERS[dtype]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value < high:
            return value
    else:
        raise UnimplementedError(f"Conversion of JSON Value: {shown(value)} to type: {dtype.name}")
    raise InvalidArgumentError(
        f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: "
        f"{'float' if dtype == tf.float32 else dtype.name}"
    )
