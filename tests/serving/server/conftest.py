"""The server's gRPC port, as TensorFlow Serving's own stubs see it."""

from collections.abc import Iterator

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server import ModelServer


@pytest.fixture
def channel(server: ModelServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)
