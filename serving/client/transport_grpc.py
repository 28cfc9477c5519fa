"""TensorFlow Serving's gRPC API."""

import re
from collections.abc import Sequence
from typing import Any

import grpc

from bitpipe.errors import ServingError
from serving.client import codec, messages
from serving.client.connection import ClientTls, Connection
from serving.client.failures import Failures

# A picture's tag and length in its tensor; what surrounds the pictures in a request.
_PICTURE_BYTES = 8
_REQUEST_BYTES = 1024
_LONGEST_RECONNECT_MS = 1000
# The fourth byte of "HTTP" or "<!DOCTYPE", where gRPC looks for a frame's type.
_SPEAKS_HTTP = re.compile(r"got frame type (?:79|80)\b|http1\.x server")


class GrpcTransport:
    """Calls one model; safe to share between threads."""

    def __init__(self, connection: Connection, model: codec.ModelRef) -> None:
        self._model = model
        self._timeout_s = connection.timeout_s
        self._retry = connection.retry
        self._failures = Failures(str(connection.address), model.name, connection.timeout_s)
        self.batch_bytes = connection.max_message_bytes - _REQUEST_BYTES - len(model.name)
        self._channel = _channel(connection)
        self._predict = self._method("PredictionService/Predict", messages.PredictResponse)
        self._metadata = self._method(
            "PredictionService/GetModelMetadata", messages.GetModelMetadataResponse
        )
        self._status = self._method("ModelService/GetModelStatus", messages.GetModelStatusResponse)

    def close(self) -> None:
        """See `Transport`."""
        self._channel.close()

    def picture_bytes(self, data: bytes) -> int:
        """See `Transport`."""
        return len(data) + _PICTURE_BYTES

    def predict(self, pictures: Sequence[bytes], signature: str) -> list[codec.Prediction]:
        """See `Transport`."""
        request = codec.predict_request(self._model, pictures, signature)
        response = self._call(self._predict, request)
        return codec.predictions(response, len(pictures))

    def metadata(self) -> codec.ModelMetadata:
        """See `Transport`."""
        return codec.metadata(self._call(self._metadata, codec.metadata_request(self._model)))

    def status(self) -> list[codec.VersionStatus]:
        """See `Transport`."""
        return codec.statuses(self._call(self._status, codec.status_request(self._model)))

    def _method(self, name: str, response_class: Any) -> Any:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response_class.FromString,
        )

    def _call(self, method: Any, request: Any) -> Any:
        def attempt(left_s: float) -> Any:
            try:
                return method(request, timeout=left_s)
            except grpc.RpcError as error:
                raise self._explain(error.code(), error.details() or "") from error

        return self._retry.call(attempt, self._timeout_s)

    def _explain(self, code: grpc.StatusCode, details: str) -> ServingError:
        if code is grpc.StatusCode.UNAVAILABLE:
            if _SPEAKS_HTTP.search(details):
                return self._failures.speaks_http()
            if "handshak" in details.lower() or "CERTIFICATE" in details:
                return self._failures.insecure(details)
            return self._failures.unreachable(details)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._failures.deadline()
        # gRPC's own refusals, of either side; the code is that of a server without room.
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "message larger than max" in details:
            return self._failures.too_large(details)
        return self._failures.answered(code.name, details)


def _channel(connection: Connection) -> Any:
    address, keep_alive = connection.address, connection.keep_alive
    options = [
        ("grpc.max_send_message_length", connection.max_message_bytes),
        ("grpc.max_receive_message_length", connection.max_message_bytes),
        ("grpc.enable_retries", 0),  # `Retry` does it
        # By default a refused connection is left alone for a second, and later for two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_RECONNECT_MS),
        ("grpc.keepalive_time_ms", round(keep_alive.after_s * 1000)),
        ("grpc.keepalive_timeout_ms", round(keep_alive.timeout_s * 1000)),
        ("grpc.keepalive_permit_without_calls", int(keep_alive.when_idle)),
        # http_proxy is set on many office machines, and no_proxy often forgets loopback.
        ("grpc.enable_http_proxy", int(not address.is_loopback)),
    ]
    tls = connection.secured_by
    if tls is None:
        return grpc.insecure_channel(address.target, options=options)
    return grpc.secure_channel(address.target, _credentials(tls), options=options)


def _credentials(tls: ClientTls) -> Any:
    ca, key, certificate = (
        path and path.read_bytes() for path in (tls.ca, tls.key, tls.certificate)
    )
    return grpc.ssl_channel_credentials(ca, key, certificate)
