"""Says what is wrong with a configuration, who said it, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.settings import kinds


def explain(
    kind: type, merged: Mapping[str, Any], origins: Mapping[str, str], known: Sequence[str]
) -> str:
    """The sentence for the first key or value that does not fit.

    Args:
        kind: of the whole configuration.
        merged: the tree that msgspec has refused.
        origins: per dotted key, where its value came from.
        known: all dotted keys that there are.
    """
    path, part, value = _locate(kind, merged)
    where = _dotted(path)
    if isinstance(value, Mapping):
        for key in value:
            dotted = _dotted((*path, str(key)))
            if (fields := kinds.keys(part)) and key not in fields:
                hint = _did_you_mean(dotted, known, [_dotted((*path, name)) for name in fields])
                return f"unknown key {dotted!r}{hint} ({_origin_of(dotted, origins)})."
            names = kinds.names_of(part)
            if names is not None and not _fits(names, key):
                return (
                    f"a key of {where} must be {kinds.words(names)}. "
                    f"Received: {key!r} ({_origin_of(dotted, origins)})."
                )
    received = "null" if value is None else repr(value)
    return (
        f"{where} must be {kinds.words(part)}. Received: {received} ({_origin_of(where, origins)})."
    )


def _locate(kind: Any, value: Any, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any, Any]:
    """The innermost part that does not fit: the way to it, its type and its value."""
    for name, inner, part in kinds.parts(kind, value):
        if not _fits(inner, part):
            return _locate(inner, part, (*path, name))
    return path, kind, value


def _fits(kind: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _dotted(path: Sequence[str]) -> str:
    return ".".join(path).replace(".[", "[")


def _origin_of(dotted: str, origins: Mapping[str, str]) -> str:
    """Of the key, of the first one below it, or of the list that holds it."""
    key = dotted.partition("[")[0]
    for name, origin in origins.items():
        if name == key or name.startswith(f"{key}."):
            return f"from {origin}"
    return "from the defaults"


def _did_you_mean(dotted: str, known: Sequence[str], siblings: Sequence[str]) -> str:
    close = next(_close(dotted, known, siblings), None)
    return f"; did you mean {close!r}?" if close else f"; known keys: {', '.join(siblings)}"


def _close(dotted: str, known: Sequence[str], siblings: Sequence[str]) -> Iterator[str]:
    groups = {key.rpartition(".")[0] for key in known} - {""}
    leaf = dotted.rpartition(".")[2]
    by_leaf = {key.rpartition(".")[2]: key for key in (*known, *siblings)}
    yield from difflib.get_close_matches(dotted, [*siblings, *known, *groups], n=1, cutoff=0.75)
    yield from (by_leaf[match] for match in difflib.get_close_matches(leaf, by_leaf, n=1))
