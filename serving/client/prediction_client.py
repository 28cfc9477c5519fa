"""`PredictionClient`: asks one model on one server."""

import dataclasses
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol

from bitpipe import arguments
from bitpipe.errors import (
    ClientOptionsError,
    InvalidInputError,
    RequestRejectedError,
    ServingError,
    UnexpectedReplyError,
)
from bitpipe.model.signature import SERVING, SERVING_TOP, TOP_K
from bitpipe.pictures.normalise import normalise
from bitpipe.stores import files
from serving.client import address, stream
from serving.client.codec import ModelMetadata, ModelRef, Prediction, VersionStatus
from serving.client.connection import DEFAULT_TIMEOUT_S, ClientTls, Connection, KeepAlive
from serving.client.retry import Retry
from serving.client.stream import Answer
from serving.limits import MAX_MESSAGE_BYTES

# What fills the embedded server's batches without filling its queue.
BATCH_SIZE = 16
IN_FLIGHT = 4

Picture = bytes | str | os.PathLike[str]


class Transport(Protocol):
    """One model over one protocol; methods raise the errors of `bitpipe.errors`.

    Attributes:
        batch_bytes: room for pictures in one request.
    """

    batch_bytes: int

    def close(self) -> None:
        """Closes the connection; requests in flight fail."""

    def picture_bytes(self, data: bytes) -> int:
        """The part of `batch_bytes` which a picture takes."""

    def predict(self, pictures: Sequence[bytes], signature: str) -> list[Prediction]:
        """The prediction for each encoded picture, in their order, by a signature of this name."""

    def metadata(self) -> ModelMetadata:
        """What the server tells of the model."""

    def status(self) -> list[VersionStatus]:
        """The state of each version that the server knows."""


class PredictionClient:
    """Asks one model on one server. A context manager; safe to share between threads.

    Args:
        server: HOST:PORT or grpcs://HOST:PORT (gRPC), http://HOST:PORT or https://HOST:PORT (REST).
        name: the model's name on the server.
        version: the version to ask; default the newest in service.
        label: the label of the version to ask, instead.
        top: how many labels of each picture are wanted, best first; all by default. Up to five are
            asked for by `signature.SERVING_TOP`, whose replies are short, where the model has it.
        tls: certificates; needed for a server whose own is not signed by a public authority.
        timeout_s: how long one call may take, all its retries included.
        max_message_bytes: limit of one request and of one reply.
        batch_size: pictures in one request, of `predict_each` and `predict_files`.
        in_flight: their requests at the same time.
        retry: which calls are tried again, and when.
        keep_alive: how an idle connection is kept open.

    Every method raises `ServerUnreachableError` where nothing answers, `ServerBusyError` where the
    server has no room, `DeadlineExceededError`, `RequestRejectedError` with the server's own words,
    `UnexpectedReplyError`, else `ServingError`.
    """

    def __init__(
        self,
        server: str,
        name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        top: int | None = None,
        tls: ClientTls | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        batch_size: int = BATCH_SIZE,
        in_flight: int = IN_FLIGHT,
        retry: Retry | None = None,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        connection = Connection(
            address.parse(server),
            timeout_s=timeout_s,
            max_message_bytes=max_message_bytes,
            in_flight=in_flight,
            tls=tls,
            retry=retry or Retry(),
            keep_alive=keep_alive or KeepAlive(),
        )
        self._batch_size = _checked("batch_size", batch_size)
        self._top = None if top is None else _checked("top", top)
        self._signature = SERVING if top is None or top > TOP_K else SERVING_TOP
        self._in_flight = in_flight
        self._transport = _transport(connection, ModelRef(name, version, label))
        self._spec_lock = threading.Lock()
        self._spec_is_known = False

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
        """Closes the connection; requests in flight fail."""
        self._transport.close()

    def predict(self, pictures: Sequence[bytes]) -> list[Prediction]:
        """Predicts upright JPEG or PNG files, in one request, in their order."""
        return self._ask(pictures) if pictures else []

    def predict_each(
        self, inputs: Iterable[Picture], *, batch_size: int | None = None
    ) -> Iterator[Answer]:
        """Predicts files, folders, patterns (`files.find`) and encoded pictures, in their order.

        Files are read and requests sent ahead of what is taken from the iterator, a bounded number
        of each, so that any number of pictures needs the same memory. What cannot be read, or is
        refused by the server, is an answer too, and the others get theirs.
        """
        return stream.answer_each(
            self._predict_or_blame_spec,
            _items(inputs),
            batch_size=_checked("batch_size", batch_size or self._batch_size),
            batch_bytes=self._transport.batch_bytes,
            picture_bytes=self._transport.picture_bytes,
            in_flight=self._in_flight,
        )

    def predict_files(
        self, inputs: Iterable[str | os.PathLike[str]], *, batch_size: int | None = None
    ) -> Iterator[tuple[Path, Prediction]]:
        """As `predict_each`, but the first file without a prediction ends it.

        Raises:
            UnreadablePictureError: it is missing or not a picture.
            InvalidInputError: the server refuses it.
        """
        for answer in self.predict_each(inputs, batch_size=batch_size):
            if answer.prediction is None:
                raise answer.error or ServingError(f"{answer.source} has no answer.")
            yield Path(answer.source), answer.prediction

    def metadata(self) -> ModelMetadata:
        """The version in service and its signatures."""
        return self._transport.metadata()

    def status(self) -> list[VersionStatus]:
        """The versions known to the server, newest first."""
        return self._transport.status()

    def _ask(self, pictures: Sequence[bytes]) -> list[Prediction]:
        signature = self._signature
        try:
            answered = self._transport.predict(pictures, signature)
        except RequestRejectedError as refusal:
            if signature == SERVING or f'"{signature}" not found' not in str(refusal):
                raise
            self._signature = SERVING  # the model was exported before there was another
            answered = self._transport.predict(pictures, SERVING)
        return [dataclasses.replace(one, scores=one.scores[: self._top]) for one in answered]

    def _predict_or_blame_spec(self, pictures: Sequence[bytes]) -> list[Prediction]:
        """As `predict`; a refusal which has nothing to do with the pictures is told as such.

        A label that does not exist is INVALID_ARGUMENT too, and without this it would be searched
        for in every picture.
        """
        try:
            return self._ask(pictures)
        except InvalidInputError as refusal:
            with self._spec_lock:
                if not self._spec_is_known and not self._knows_spec():
                    raise RequestRejectedError(str(refusal)) from refusal
                self._spec_is_known = True
            raise

    def _knows_spec(self) -> bool:
        """Whether the server has the model, its version and the signature; True if it won't say."""
        try:
            return SERVING in self._transport.metadata().signatures
        except InvalidInputError:
            return False
        except (RequestRejectedError, UnexpectedReplyError):
            return True


def _items(inputs: Iterable[Picture]) -> Iterator[stream.Item]:
    for index, given in enumerate(inputs):
        if isinstance(given, bytes):
            yield stream.Item(f"picture {index}", partial(_normalised, given))
        else:
            for source in files.find([given]):
                yield stream.Item(source.path, partial(files.read, source))


def _normalised(data: bytes) -> bytes:
    return normalise(data).data


def _checked(name: str, number: int) -> int:
    return arguments.whole_number(name, number, 1, error=ClientOptionsError)


def _transport(connection: Connection, model: ModelRef) -> Transport:
    """Only the protocol that is spoken is imported."""
    if connection.address.is_rest:
        from serving.client.transport_rest import RestTransport

        return RestTransport(connection, model)
    from serving.client.transport_grpc import GrpcTransport

    return GrpcTransport(connection, model)
