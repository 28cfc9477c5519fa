"""Classify over TensorFlow Serving's REST API: JSON to tf.Examples, and classes to JSON.

Texts and rules are those of util/json_tensor.cc.
"""

import json
from typing import Any

import numpy as np

from serving.server.json_body import base64_bytes, is_base64, kind, shown
from serving.status import InvalidArgumentError

CONTEXT, EXAMPLES = "context", "examples"
_RESULT = "result"

# The list of a Feature -> what an error calls it.
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


def fill_request(document: dict[str, Any], request: Any) -> None:
    """Fills the input of a ClassificationRequest from a parsed body.

    Raises:
        InvalidArgumentError: with TensorFlow Serving's text.
    """
    added = request.input.example_list.examples
    if CONTEXT in document:
        listed = request.input.example_list_with_context
        _fill_example(document[CONTEXT], listed.context)
        added = listed.examples
    if EXAMPLES not in document:
        raise _mistake(
            document, f"When method is classify, key '{EXAMPLES}' is expected and was not found"
        )
    examples = document[EXAMPLES]
    if not isinstance(examples, list):
        raise _mistake(document, f"Expecting '{EXAMPLES}' value to be an list/array")
    if not examples:
        raise _mistake(document, f"'{EXAMPLES}' value is an empty array")
    for example in examples:
        _fill_example(example, added.add())


def reply(response: Any) -> bytes:
    """The body that says a ClassificationResponse: [label, score] of each class of each example."""
    rows = [
        # The shortest digits that give the same float32.
        [[one.label, float(str(np.float32(one.score)))] for one in row.classes]
        for row in response.result.classifications
    ]
    return json.dumps({_RESULT: rows}, ensure_ascii=False).encode("utf-8", "replace")


def _fill_example(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"Example must be JSON object but got JSON {kind(value)}")
    for name, content in value.items():
        feature = example.features.feature[name]
        for one in content if isinstance(content, list) else [content]:
            field, plain = _plain(name, one)
            chosen = feature.WhichOneof("kind")
            if chosen not in (None, field):
                raise InvalidArgumentError(
                    f"Unexpected element type in feature: {name} expecting type: {_KINDS[chosen]}"
                )
            getattr(feature, field).value.append(plain)


def _plain(name: str, value: Any) -> tuple[str, Any]:
    """The list of a Feature that takes the value, and the value as it takes it."""
    if isinstance(value, bool):
        return "int64_list", int(value)
    if isinstance(value, str):
        return "bytes_list", value.encode()
    if is_base64(value):
        return "bytes_list", base64_bytes(value)
    if isinstance(value, float):
        if abs(value) > _LARGEST_FLOAT:
            raise InvalidArgumentError(
                f"Cannot convert JSON value: {shown(value)} to float without loss of precision."
            )
        return "float_list", value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidArgumentError(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
        return "int64_list", value
    raise InvalidArgumentError(
        f"Feature: {name} has element with unexpected JSON type: {kind(value)}"
    )


def _mistake(document: dict[str, Any], text: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"JSON Value: {shown(document)} {text}")
