"""Between Python values and the JSON of TensorFlow Serving's REST API (g3doc/api_rest.md)."""

import array
import base64
import json
from collections.abc import Sequence
from typing import Any

from bitpipe.errors import UnexpectedReplyError
from bitpipe.model.signature import LABEL, LABELS, SCORES, SERVING
from serving.client.codec import (
    ModelMetadata,
    Prediction,
    Signature,
    TensorSpec,
    VersionStatus,
    ranked,
)

_START = '{{"signature_name": "{}", "instances": ['
_END = b"]}"
_INSTANCE = (b'{"b64": "', b'"}')
_COMMA = b", "
_SHOWN = 200  # characters of a reply which is not understood
# Room for what surrounds the pictures.
BODY_BYTES = len(_START.format(SERVING)) + len(_END)  # the longest name that is sent


def instance_bytes(data: bytes) -> int:
    """The bytes that a picture takes in a request's body."""
    return sum(map(len, _INSTANCE)) + len(_COMMA) + 4 * ((len(data) + 2) // 3)


def predict_body(pictures: Sequence[bytes], signature: str = SERVING) -> bytes:
    """The body of a request for the pictures, which are one batch, in the row format."""
    # Base64 needs no escapes, and `json.dumps` would copy every picture three times.
    instances = (base64.b64encode(data).join(_INSTANCE) for data in pictures)
    return _START.format(signature).encode() + _COMMA.join(instances) + _END


def predictions(body: bytes, count: int, version: int) -> list[Prediction]:
    """The predictions in the reply to a request with `count` pictures.

    Raises:
        UnexpectedReplyError: outputs of another kind or size.
    """
    rows = _parsed(body).get("predictions")
    if not isinstance(rows, list) or len(rows) != count:
        raise UnexpectedReplyError(
            f"The reply must hold {count} predictions. Received: {_shown(body)}"
        )
    try:
        return [_prediction(row, version) for row in rows]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnexpectedReplyError(
            f"The model must return scores and labels for each picture, equally many. Received: "
            f"{_shown(body)} Serve a model of this pipeline."
        ) from error


def _prediction(row: Any, version: int) -> Prediction:
    # The digits are those of a float32: as one, both protocols give the same number.
    scores = array.array("f", row[SCORES]).tolist()
    labels = row[LABELS]
    if not scores or not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
        raise ValueError(row)
    "".join(labels).encode()  # JSON can hold halves of characters, and nothing else can
    return ranked(labels, scores, version, row.get(LABEL))


def metadata(body: bytes) -> ModelMetadata:
    """What the reply of `.../metadata` says of the signatures.

    Raises:
        UnexpectedReplyError: the reply holds no signatures.
    """
    document = _parsed(body)
    try:
        signatures = document["metadata"]["signature_def"]["signature_def"]
        return ModelMetadata(
            int(document["model_spec"]["version"]),
            {
                name: Signature(_specs(signature["inputs"]), _specs(signature["outputs"]))
                for name, signature in sorted(signatures.items())
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedReplyError(
            f"The reply must hold signature_def. Received: {_shown(body)} Is this server "
            f"TensorFlow Serving?"
        ) from error


def statuses(body: bytes) -> list[VersionStatus]:
    """The versions in the reply about a model's state, newest first.

    Raises:
        UnexpectedReplyError: the reply holds none.
    """
    try:
        found = [
            VersionStatus(
                int(status["version"]),
                str(status["state"]),
                str(status.get("status", {}).get("error_message", "")),
            )
            for status in _parsed(body)["model_version_status"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedReplyError(
            f"The reply must hold model_version_status. Received: {_shown(body)} Is this server "
            f"TensorFlow Serving?"
        ) from error
    return sorted(found, key=lambda status: -status.version)


def error_text(body: bytes) -> str:
    """The server's words in a refusal; a gateway between may have sent something else."""
    try:
        return str(json.loads(body)["error"]).encode("utf-8", "replace").decode()
    except (KeyError, TypeError, ValueError, RecursionError):
        return _shown(body)


def _specs(infos: dict[str, Any]) -> dict[str, TensorSpec]:
    return {name: _spec(info) for name, info in sorted(infos.items())}


def _spec(info: dict[str, Any]) -> TensorSpec:
    shape = info.get("tensor_shape", {})
    sizes = tuple(int(dim["size"]) for dim in shape.get("dim", ()))
    return TensorSpec(
        info["dtype"].removeprefix("DT_").lower(),
        None if shape.get("unknown_rank") else tuple(n if n >= 0 else None for n in sizes),
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnexpectedReplyError(
            f"The reply must be JSON. Received: {_shown(body)} Is this TensorFlow Serving's REST "
            f"port?"
        ) from error
    if not isinstance(document, dict):
        raise UnexpectedReplyError(f"The reply must be an object. Received: {_shown(body)}")
    return document


def _shown(body: bytes) -> str:
    text = " ".join(body[: 4 * _SHOWN].decode("utf-8", "replace").split())
    return (text[:_SHOWN] or "nothing") + ("..." if len(text) > _SHOWN else ".")
