"""Any number of pictures, answered in their order, with the memory that a few of them need."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bitpipe.errors import ServingError
from serving.client import batches
from serving.client.codec import Prediction
from serving.client.ordered import Workers

_READERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Item:
    """A picture to come.

    Attributes:
        source: what it is called in its answer.
        load: gives upright JPEG or PNG, or raises a ServingError; called in a thread.
    """

    source: str
    load: Callable[[], bytes]


@dataclass(frozen=True)
class Answer:
    """What became of one picture: either `prediction` or `error` is there.

    Attributes:
        source: the file, or `picture N` (counted from 0) for bytes.
        error: of a file that cannot be read, or a picture that the model refuses.
    """

    source: str
    prediction: Prediction | None = None
    error: ServingError | None = None

    @property
    def reason(self) -> str:
        """The error in a few words, without the source; empty if there is none."""
        return str(getattr(self.error, "reason", self.error or ""))


def answer_each(
    ask: Callable[[Sequence[bytes]], list[Prediction]],
    items: Iterable[Item],
    *,
    batch_size: int,
    batch_bytes: int,
    in_flight: int,
    picture_bytes: Callable[[bytes], int] = len,
) -> Iterator[Answer]:
    """The items' answers, in their order.

    Items are loaded and asked about ahead of what is taken from the iterator, a bounded number of
    each. What cannot be loaded, or is refused, is an answer too, and the others get theirs.

    Args:
        ask: the predictions for a batch; InvalidInputError if it refuses one of its pictures.
        items: what is asked about, any number.
        batch_size: pictures in a batch.
        batch_bytes: room in a batch; a picture that takes more is alone.
        in_flight: batches asked about at the same time.
        picture_bytes: the part of `batch_bytes` which a picture takes.

    Raises:
        ServingError: whatever `ask` raises which is not about a picture.
    """

    def size(loaded: _Loaded) -> int:
        return picture_bytes(loaded.data) if loaded.error is None else 0

    def answers(group: list[_Loaded]) -> list[Answer]:
        return _answers(ask, group)

    with Workers(_READERS) as readers, Workers(in_flight) as senders:
        loaded = readers.map(_load, items, ahead=2 * _READERS)
        groups = batches.cut(loaded, max_items=batch_size, max_bytes=batch_bytes, size=size)
        for answered in senders.map(answers, groups, ahead=in_flight):
            yield from answered


@dataclass(frozen=True)
class _Loaded:
    source: str
    data: bytes = b""
    error: ServingError | None = None


def _load(item: Item) -> _Loaded:
    try:
        return _Loaded(item.source, item.load())
    except ServingError as error:
        return _Loaded(item.source, error=error)


def _answers(
    ask: Callable[[Sequence[bytes]], list[Prediction]], group: list[_Loaded]
) -> list[Answer]:
    readable = [loaded.data for loaded in group if loaded.error is None]
    outcomes = iter(batches.ask_each(ask, readable))
    answers = []
    for loaded in group:
        outcome = loaded.error or next(outcomes)
        if isinstance(outcome, Prediction):
            answers.append(Answer(loaded.source, outcome))
        else:
            answers.append(Answer(loaded.source, error=outcome))
    return answers
