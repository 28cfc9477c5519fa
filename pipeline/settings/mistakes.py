"""Says what is wrong with a configuration, who said it, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


def explain(
    error: msgspec.ValidationError,
    merged: Mapping[str, Any],
    origins: Mapping[str, str],
    known: Sequence[str],
) -> str:
    """The sentence for a key or a value that msgspec refuses.

    Args:
        error: what it says.
        merged: the tree that it refused.
        origins: per dotted key, where its value came from.
        known: all dotted keys that there are.
    """
    message, _, at = str(error).partition(" - at `")
    where = at.rstrip("`").removeprefix("$").lstrip(".")
    if "unknown field" in message:
        key = message.split("`")[1]
        dotted = f"{where}.{key}" if where else key
        origin = _origin_of(dotted, origins)
        return f"unknown key {dotted!r}{_did_you_mean(dotted, known)} ({origin})."
    received = _look_up(merged, where)
    return (
        f"{where or 'the configuration'}: {message[0].lower()}{message[1:]}. "
        f"Received: {received!r} ({_origin_of(where, origins)})."
    )


def _origin_of(dotted: str, origins: Mapping[str, str]) -> str:
    key = dotted.partition("[")[0]
    for name, origin in origins.items():
        if name == key or name.startswith(f"{key}."):
            return f"from {origin}"
    return "from the defaults"


def _look_up(tree: Any, dotted: str) -> Any:
    for part in dotted.partition("[")[0].split("."):
        if part and isinstance(tree, Mapping):
            tree = tree.get(part)
    return tree


def _did_you_mean(dotted: str, known: Sequence[str]) -> str:
    groups = {key.rpartition(".")[0] for key in known} - {""}
    leaf = dotted.rpartition(".")[2]
    by_leaf = {key.rpartition(".")[2]: key for key in known}
    close = difflib.get_close_matches(dotted, [*known, *groups], n=1, cutoff=0.75)
    close = close or [by_leaf[m] for m in difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.6)]
    if close:
        return f"; did you mean {close[0]!r}?"
    siblings = [key for key in known if key.rpartition(".")[0] == dotted.rpartition(".")[0]]
    return f"; known keys: {', '.join(siblings or known)}"
