"""The body of a request to TensorFlow Serving's REST API: JSON, or what is wrong with it.

Texts and rules are those of util/json_tensor.cc.
"""

import base64
import binascii
import contextlib
import json
import math
import re
from typing import Any

from serving.status import InvalidArgumentError

# The two forms of a request, and so of its reply.
ROW, COLUMNAR = "instances", "inputs"
BASE64 = "b64"  # the key of bytes, in both directions

_MAX_SHOWN = 256  # characters of a value in an error
# Where there is none, no string can hold half a pair: the body's own UTF-8 cannot.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_DIGITS = 309  # of an integer that fits a double


class _NumberTooBigError(ValueError):
    pass


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:  # Python would take a while, and then refuse
        raise _NumberTooBigError
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _NumberTooBigError
    return value


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float)
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def parse(body: bytes) -> dict[str, Any]:
    """The object that a request's body holds.

    Raises:
        InvalidArgumentError: no JSON, or no object.
    """
    if not body:
        raise InvalidArgumentError("JSON Parse error: The document is empty")
    try:
        text = body.decode()
        start = len(text) - len(text.lstrip())
        if start == len(text):
            raise InvalidArgumentError(
                f"JSON Parse error: The document is empty. at offset: {start}"
            )
        # Whatever follows the document is ignored, as by TensorFlow Serving.
        document, _ = _DECODER.raw_decode(text, start)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except _NumberTooBigError as error:
        raise InvalidArgumentError(
            "JSON Parse error: Number too big to be stored in double."
        ) from error
    except json.JSONDecodeError as error:
        # RapidJSON has a dozen reasons more, and this one for most mistakes.
        raise InvalidArgumentError(
            f"JSON Parse error: Invalid value. at offset: {error.pos}"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(
            f"JSON Parse error: Invalid encoding in string. at offset: {error.start}"
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            "JSON Parse error: The surrogate pair in string is invalid."
        ) from error
    except RecursionError as error:
        raise InvalidArgumentError("JSON Parse error: The document is nested too deeply") from error
    if not isinstance(document, dict):
        raise InvalidArgumentError(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: dict[str, Any]) -> str:
    """The signature that a body asks for; empty for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgumentError(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be "
            f"a string value."
        )
    return name


def shown(value: Any) -> str:
    """A value in an error: no more of it is written than is shown."""
    text = ""
    with contextlib.suppress(RecursionError):  # nested as deeply as it could be parsed
        for part in _ENCODER.iterencode(value):
            text += part
            if len(text) >= _MAX_SHOWN:
                break
    return text[:_MAX_SHOWN]


def is_base64(value: Any) -> bool:
    """Whether a value stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(BASE64), str)


def base64_bytes(value: dict[str, Any]) -> bytes:
    """The bytes that a value stands for.

    Raises:
        InvalidArgumentError: it stands for none.
    """
    if not is_base64(value):
        raise InvalidArgumentError(
            f"JSON Value: {shown(value)} not formatted correctly for base64 data"
        )
    text = "".join(value[BASE64].split())
    try:
        text = text.rstrip("=")  # the padding may be missing
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError("Unable to base64 decode") from error


def kind(value: Any) -> str:
    """What RapidJSON calls a value of this kind."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return str(value)
    names: list[tuple[Any, str]] = [(dict, "Object"), (list, "Array"), (str, "String")]
    return next((name for cls, name in names if isinstance(value, cls)), "Number")
