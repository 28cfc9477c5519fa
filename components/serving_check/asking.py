"""Asks a server about pictures and compares what it says with what the Trainer's network said."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import grpc
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc

from bitpipe.errors import ServingError
from bitpipe.model import signature
from bitpipe.model.reference import Answer
from components.serving_check.servers import NAME, Server
from serving.client import PredictionClient

# Pictures in one request, where there is more than one.
_BATCH = 8
_TIMEOUT_S = 120.0

Scores = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture, and what the Trainer's network said of it."""

    data: bytes
    answer: Answer

    @property
    def words(self) -> str:
        """Which one it is."""
        return (
            f"{self.answer.filename} ({len(self.data):,} bytes, pixels sha256 "
            f"{self.answer.sha256[:12]})"
        )


@dataclasses.dataclass(frozen=True)
class Found:
    """What came of it, where nothing speaks against the model.

    Attributes:
        seconds: of each request for one picture over gRPC, in their order.
        largest_difference: of any score.
    """

    seconds: tuple[float, ...]
    largest_difference: float


class WrongAnswerError(Exception):
    """The server's answer speaks against the model.

    Attributes:
        request: what was asked, in words.
    """

    def __init__(self, sentence: str, request: str) -> None:
        super().__init__(sentence)
        self.request = request


def ask(
    server: Server, shown: Sequence[Shown], labels: Sequence[str], max_difference: float
) -> Found:
    """Sends all pictures over both protocols, and some by each other signature.

    Args:
        server: has the model.
        shown: the pictures; at least one.
        labels: class names, in the order of the Trainer's scores.
        max_difference: of a score from the Trainer's.

    Raises:
        WrongAnswerError: the model lacks a signature, refuses a picture, or says something else.
    """
    asked = _Asked(labels, max_difference)
    seconds = []
    with _client(server.grpc) as client:
        _check_signatures(client)
        for one in shown:
            started = time.perf_counter()
            asked.compare("gRPC Predict", signature.SERVING, [one], _predict(client))
            seconds.append(time.perf_counter() - started)
    some = shown[:_BATCH]
    with _client(server.grpc, top=signature.TOP_K) as client:
        asked.compare("gRPC Predict", signature.SERVING_TOP, some, _predict(client))
    with grpc.insecure_channel(server.grpc) as channel:
        asked.compare("gRPC Classify", signature.CLASSIFY, some, _classify(channel))
    with _client(server.rest) as client:
        for start in range(0, len(shown), _BATCH):
            batch = shown[start : start + _BATCH]
            asked.compare("REST predict", signature.SERVING, batch, _predict(client))
    return Found(tuple(seconds), asked.largest)


def median_ms(seconds: Sequence[float]) -> float | None:
    """The median of all but the first, before which the server was cold; None for a single one."""
    return 1000 * statistics.median(seconds[1:]) if len(seconds) > 1 else None


class _Asked:
    """Compares answers and keeps the largest difference."""

    def __init__(self, labels: Sequence[str], max_difference: float) -> None:
        self._labels = tuple(labels)
        self._most = max_difference
        self.largest = 0.0

    def compare(
        self,
        how: str,
        name: str,
        shown: Sequence[Shown],
        send: Callable[[Sequence[bytes]], Sequence[Sequence[tuple[str, float]]]],
    ) -> None:
        request = f"{how}, model {NAME}, signature {name}, {'; '.join(one.words for one in shown)}"
        try:
            answers = send([one.data for one in shown])
        except ServingError as error:
            raise WrongAnswerError(f"asked by {how} ({name}) it fails: {error}", request) from error
        except grpc.RpcError as error:
            told = f"{error.code().name}: {error.details()}"
            raise WrongAnswerError(f"asked by {how} ({name}) it fails: {told}", request) from error
        for one, pairs in zip(shown, answers, strict=True):
            expected = dict(zip(self._labels, one.answer.scores, strict=True))
            if problem := self._problem(dict(pairs), expected, name):
                raise WrongAnswerError(
                    f"asked by {how} ({name}) about {one.answer.filename} {problem}",
                    f"{how}, model {NAME}, signature {name}, {one.words}",
                )

    def _problem(self, scores: Scores, expected: Scores, name: str) -> str | None:
        wanted = len(expected)
        if name == signature.SERVING_TOP:
            wanted = min(wanted, signature.TOP_K)
        strange = sorted(set(scores) - set(expected))
        if strange or len(scores) != wanted:
            what = f"names {', '.join(map(repr, strange[:3]))}" if strange else "leaves classes out"
            return f"it {what}, where the Trainer knows {_listed(expected)}"
        differences = {label: abs(score - expected[label]) for label, score in scores.items()}
        # What is not a number is not below anything.
        if not all(one <= self._most for one in differences.values()):
            return (
                f"it says {_best(scores)} where the Trainer said {_best(expected)}; a score may "
                f"differ by {self._most:g} (serving_check.max_difference)"
            )
        self.largest = max(self.largest, *differences.values())
        return None


def _check_signatures(client: PredictionClient) -> None:
    request = f"gRPC GetModelMetadata, model {NAME}"
    try:
        found = client.metadata().signatures
    except ServingError as error:
        raise WrongAnswerError(f"it does not tell its signatures: {error}", request) from error
    wanted = (signature.SERVING, signature.SERVING_TOP, signature.CLASSIFY)
    if missing := [name for name in wanted if name not in found]:
        raise WrongAnswerError(
            f"it has no signature {' and no '.join(missing)}, only {', '.join(found) or 'none'}",
            request,
        )


def _client(address: str, top: int | None = None) -> PredictionClient:
    return PredictionClient(address, NAME, top=top, timeout_s=_TIMEOUT_S)


def _predict(client: PredictionClient) -> Callable[[Sequence[bytes]], list[Any]]:
    return lambda pictures: [one.scores for one in client.predict(pictures)]


def _classify(channel: grpc.Channel) -> Callable[[Sequence[bytes]], list[Any]]:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def send(pictures: Sequence[bytes]) -> list[Any]:
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = NAME
        request.model_spec.signature_name = signature.CLASSIFY
        for data in pictures:
            example = request.input.example_list.examples.add()
            example.features.feature[signature.IMAGE].bytes_list.value.append(data)
        result = stub.Classify(request, timeout=_TIMEOUT_S).result
        return [list(_pairs(one)) for one in result.classifications]

    return send


def _pairs(classification: Any) -> Iterator[tuple[str, float]]:
    for one in classification.classes:
        yield one.label, one.score


def _best(scores: Scores) -> str:
    label = max(scores, key=lambda name: (scores[name] == scores[name], scores[name]))
    return f"{label!r} ({scores[label]:.4f})"


def _listed(scores: Scores, most: int = 5) -> str:
    names = [repr(name) for name in scores]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
