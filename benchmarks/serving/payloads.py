"""What goes over the wire, as bytes that are built once, so that load costs its sender little.

The only place here that knows the messages of the client.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from bitpipe.model import signature
from serving.client import messages

_PREDICTION = "/tensorflow.serving.PredictionService/"
PREDICT = f"{_PREDICTION}Predict"
CLASSIFY = f"{_PREDICTION}Classify"
METADATA = f"{_PREDICTION}GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
HEALTH = "/grpc.health.v1.Health/Check"
METRICS_PATH = "/monitoring/prometheus/metrics"

STRING = messages.ENUMS["DataType"]["DT_STRING"]

PredictRequest = messages.PredictRequest


def predict_message(model: str, pictures: Sequence[bytes]) -> messages.PredictRequest:
    """A PredictRequest for one batch of pictures, as the client of this project sends it."""
    request = messages.PredictRequest(output_filter=signature.OUTPUTS)
    request.model_spec.name = model
    request.model_spec.signature_name = signature.SERVING
    tensor = request.inputs[signature.IMAGE]
    tensor.dtype = STRING
    tensor.tensor_shape.dim.add(size=len(pictures))
    tensor.string_val.extend(pictures)
    return request


def predict(model: str, pictures: Sequence[bytes]) -> bytes:
    """A serialized PredictRequest for encoded pictures."""
    return predict_message(model, pictures).SerializeToString()


def metadata(model: str) -> bytes:
    """A serialized GetModelMetadataRequest."""
    request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = model
    return request.SerializeToString()


def status(model: str) -> bytes:
    """A serialized GetModelStatusRequest."""
    request = messages.GetModelStatusRequest()
    request.model_spec.name = model
    return request.SerializeToString()


def version_of(reply: bytes) -> int:
    """The version that gave the serialized PredictResponse."""
    return int(messages.PredictResponse.FromString(reply).model_spec.version.value)


def predict_json(pictures: Sequence[bytes]) -> bytes:
    """The body of a REST request."""
    encoded = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
    return json.dumps({"instances": encoded}).encode()


def predict_path(model: str) -> str:
    """The path of REST's predict."""
    return f"/v1/models/{model}:predict"


def field(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message in Protocol Buffers' encoding, for other messages."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def reload_config(model: str, base_path: str) -> bytes:
    """A ReloadConfigRequest for one model (apis/model_management.proto)."""
    config = field(1, model.encode()) + field(2, base_path.encode()) + field(4, b"tensorflow")
    return field(1, field(1, field(1, config)))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
