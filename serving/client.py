"""A client of TensorFlow Serving's gRPC API; it imports neither TensorFlow nor TFX."""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from serving import codec, messages, pictures
from serving.errors import (
    AddressError,
    DeadlineExceededError,
    RequestRejectedError,
    ServerUnreachableError,
    ServingError,
)
from serving.limits import MAX_MESSAGE_BYTES

DEFAULT_TIMEOUT_S = 30.0

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")

# Five attempts are gRPC's maximum. Together they wait at most 0.1 + 0.2 + 0.4 + 0.8 s.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

_REJECTED = frozenset(
    {
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class PredictionClient:
    """Asks one model on one server. A context manager; safe to share between threads.

    Args:
        server: HOST:PORT.
        name: the model's name on the server.
        timeout_s: how long one call may take, all its retries included.
        max_message_bytes: limit of one request and of one reply.

    Every method raises `ServerUnreachableError` where nothing answers, `DeadlineExceededError`,
    `RequestRejectedError` with the server's own words, `UnexpectedReplyError`, else `ServingError`.
    """

    def __init__(
        self,
        server: str,
        name: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        host = _host(server)
        self._server = server
        self._name = name
        self._timeout_s = timeout_s
        self._max_message_bytes = max_message_bytes
        self._channel = grpc.insecure_channel(
            server,
            options=[
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
                # By default a refused connection is not tried again for a second.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                # http_proxy is set on many office machines, and no_proxy often forgets loopback.
                ("grpc.enable_http_proxy", int(not _is_loopback(host))),
            ],
        )
        self._predict = self._method("PredictionService/Predict", messages.PredictResponse)
        self._metadata = self._method(
            "PredictionService/GetModelMetadata", messages.GetModelMetadataResponse
        )
        self._status = self._method("ModelService/GetModelStatus", messages.GetModelStatusResponse)

    def __enter__(self) -> "PredictionClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def predict(self, pictures: Sequence[bytes]) -> list[codec.Prediction]:
        """Predicts upright JPEG or PNG files, in one request, in their order."""
        if not pictures:
            return []
        response = self._call(self._predict, codec.predict_request(self._name, pictures))
        return codec.predictions(response, len(pictures))

    def predict_files(
        self, paths: Iterable[str | Path], *, batch_size: int = 32
    ) -> Iterator[tuple[Path, codec.Prediction]]:
        """Reads, normalises and predicts files, one request per batch, in their order.

        Raises:
            UnreadablePictureError: a file is missing or not a picture; those before it in earlier
                batches have been answered.
        """
        batch: list[tuple[Path, bytes]] = []
        size = 0
        for path in map(Path, paths):
            data = pictures.read(path)
            # A quarter of the limit is ample for the rest of the message.
            if batch and (
                len(batch) == batch_size or size + len(data) > self._max_message_bytes * 3 // 4
            ):
                yield from self._predict_batch(batch)
                batch, size = [], 0
            batch.append((path, data))
            size += len(data)
        yield from self._predict_batch(batch)

    def metadata(self) -> codec.ModelMetadata:
        """The version in service and its signatures."""
        return codec.metadata(self._call(self._metadata, codec.metadata_request(self._name)))

    def status(self) -> list[codec.VersionStatus]:
        """The versions known to the server, newest first."""
        return codec.statuses(self._call(self._status, codec.status_request(self._name)))

    def _predict_batch(
        self, batch: list[tuple[Path, bytes]]
    ) -> Iterator[tuple[Path, codec.Prediction]]:
        paths = [path for path, _ in batch]
        return zip(paths, self.predict([data for _, data in batch]), strict=True)

    def _method(self, name: str, response_class: Any) -> Any:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response_class.FromString,
        )

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise self._explain(error.code(), error.details()) from error

    def _explain(self, code: grpc.StatusCode, details: str) -> ServingError:
        if code is grpc.StatusCode.UNAVAILABLE:
            return ServerUnreachableError(
                f"No server answers at {self._server} ({details}). Start one with "
                f"`bitpipe serve --models DIR --name {self._name}`, or correct the address."
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceededError(
                f"{self._server} did not answer within {self._timeout_s:g} s. Check the address, "
                f"or allow more time."
            )
        text = f"{self._server} answered {code.name} to a request for {self._name!r}: {details}"
        return RequestRejectedError(text) if code in _REJECTED else ServingError(text)


def _host(server: str) -> str:
    match = _ADDRESS.fullmatch(server)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise AddressError(
            f"A server's address must be HOST:PORT, as in 127.0.0.1:8500. Received: {server!r}."
        )
    return match["host"].strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
