"""Requests in TensorFlow Serving's own messages, and what becomes of the bad ones."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2


def request_for(*pictures: bytes, name: str = "colours") -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(pictures, tf.string, [len(pictures)]))
    return request


def refusal(call: Callable[..., Any], request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=10)
    return caught.value.code(), caught.value.details()
