"""Pictures joined into requests, and what to do when the server refuses one of them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from bitpipe.errors import InvalidInputError, MessageTooLargeError
from serving.client.codec import Prediction

_T = TypeVar("_T")

# How the embedded server names the input that it cannot use; TensorFlow Serving does not name it.
_NAMED = re.compile(r" ?\(input (?P<index>\d+) of (?P<rows>\d+), counted from 0\)")

Ask = Callable[[Sequence[bytes]], list[Prediction]]


def cut(
    items: Iterable[_T], *, max_items: int, max_bytes: int, size: Callable[[_T], int]
) -> Iterator[list[_T]]:
    """Lists of neighbours, of `max_items` and `max_bytes` at most; a larger item is alone."""
    batch: list[_T] = []
    total = 0
    for item in items:
        item_bytes = size(item)
        if batch and (len(batch) == max_items or total + item_bytes > max_bytes):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += item_bytes
    if batch:
        yield batch


def ask_each(ask: Ask, pictures: Sequence[bytes]) -> list[Prediction | InvalidInputError]:
    """What `ask` says of each picture, or why the server refuses that one.

    A refused request is asked anew without the picture that the server names; where it names none,
    in halves until the culprits are alone. k culprits among n pictures cost k + 1 requests, or
    about 2 k log2(n) where none is named.

    Raises:
        ServingError: whatever `ask` raises which is not about a picture.
    """
    if not pictures:
        return []
    try:
        return list(ask(pictures))
    except InvalidInputError as error:
        if len(pictures) == 1:
            return [_unnumbered(error)]
        culprit = None if isinstance(error, MessageTooLargeError) else _named(error, len(pictures))
        if culprit is None:
            middle = len(pictures) // 2
            return [*ask_each(ask, pictures[:middle]), *ask_each(ask, pictures[middle:])]
        others = ask_each(ask, [*pictures[:culprit], *pictures[culprit + 1 :]])
        others.insert(culprit, _unnumbered(error))
        return others


def _named(error: InvalidInputError, rows: int) -> int | None:
    match = _NAMED.search(error.reason)
    if match is None or int(match["rows"]) != rows or int(match["index"]) >= rows:
        return None
    return int(match["index"])


def _unnumbered(error: InvalidInputError) -> InvalidInputError:
    """The same without the place in a request, which nobody but this module has seen."""
    return InvalidInputError(_NAMED.sub("", str(error)), _NAMED.sub("", error.reason))
