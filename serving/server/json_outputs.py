"""From the outputs of a PredictResponse to JSON, as TensorFlow Serving's REST API has it.

Texts and rules are those of util/json_tensor.cc.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from serving.server.json_body import BASE64, COLUMNAR
from serving.status import InvalidArgumentError


def reply(outputs: Mapping[str, Any], form: str) -> bytes:
    """The body that says the TensorProtos of a PredictResponse in the format of the request.

    Raises:
        InvalidArgumentError: outputs without rows, or with different numbers of them,
            where the reply must have rows.
    """
    values = {name: _plain(name, proto) for name, proto in outputs.items()}
    if form == COLUMNAR:
        only = next(iter(values.values())) if len(values) == 1 else values
        return _dumps({"outputs": only})
    rows = -1
    for name, value in values.items():
        if not isinstance(value, list):
            raise InvalidArgumentError(f"Tensor name: {name} has no shape information ")
        if rows not in (-1, len(value)):
            raise InvalidArgumentError(
                f"Tensor name: {name} has inconsistent batch size: {len(value)} expecting: {rows}"
            )
        rows = len(value)
    if len(values) == 1:
        return _dumps({"predictions": next(iter(values.values()))})
    return _dumps(
        {
            "predictions": [
                {name: value[row] for name, value in values.items()} for row in range(rows)
            ]
        }
    )


def _plain(name: str, proto: Any) -> Any:
    """A tensor as nested lists of what JSON knows."""
    array = tf.make_ndarray(proto)
    if array.dtype == object:
        encoded = name.endswith("_bytes")
        values = [
            {BASE64: base64.b64encode(value).decode()}
            if encoded
            else value.decode("utf-8", "replace")
            for value in array.flat
        ]
    elif array.dtype == np.float32:
        # The shortest digits that give the same float32: 0.2, not 0.20000000298.
        values = [float(str(value)) for value in array.ravel()]
    else:
        values = array.ravel().tolist()
    for size in reversed(array.shape[1:]):
        # Without a value the inner sizes still say how many empty lists there are.
        values = (
            [values[i : i + size] for i in range(0, len(values), size)]
            if size
            else [[] for _ in range(math.prod(array.shape[:1]))]
        )
    return values if array.ndim else values[0]


def _dumps(value: Any) -> bytes:
    return json.dumps(value, indent=None, separators=(", ", ": "), ensure_ascii=False).encode(
        "utf-8", "replace"
    )
