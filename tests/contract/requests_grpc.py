"""Requests in TensorFlow Serving's own messages."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2


def predict(model: str, *pictures: bytes, version: int | None = None, **spec: str) -> Any:
    """A PredictRequest; `spec` sets `signature_name` or `version_label`."""
    request = predict_pb2.PredictRequest()
    fill_spec(request.model_spec, model, version, **spec)
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(pictures, tf.string, [len(pictures)]))
    return request


def metadata(
    model: str, *fields: str, version: int | None = None, **spec: str
) -> get_model_metadata_pb2.GetModelMetadataRequest:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    fill_spec(request.model_spec, model, version, **spec)
    return request


def status(
    model: str, *, version: int | None = None, **spec: str
) -> get_model_status_pb2.GetModelStatusRequest:
    request = get_model_status_pb2.GetModelStatusRequest()
    fill_spec(request.model_spec, model, version, **spec)
    return request


def fill_spec(spec: Any, model: str, version: int | None = None, **fields: str) -> None:
    spec.name = model
    if version is not None:
        spec.version.value = version
    for field, value in fields.items():
        setattr(spec, field, value)


def output(response: Any, name: str) -> np.ndarray:
    """An output, however the server chose to encode it."""
    return tf.make_ndarray(response.outputs[name])
