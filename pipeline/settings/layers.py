"""What was said in a file and with `--set`, one over the other, and who said it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bitpipe.errors import ConfigError
from components.settings import OF_A_SCHEDULE

# Two ways to say one thing: said with --set, the file's other way no longer counts.
_ALTERNATIVES = {"train.steps": "train.epochs", "train.epochs": "train.steps"}
# A file's recipe is for the whole network; a head that is asked for in its place has its own.
_OF_A_NETWORK = tuple(f"train.{name}" for name in (*OF_A_SCHEDULE, "epochs"))


def merge(
    path: Path, overrides: Sequence[str], *, called: str | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Lays `key=value` overrides over a YAML file; the last one wins.

    Args:
        path: the file.
        overrides: on top of it.
        called: what people call the file; its path if None.

    Returns:
        The merged tree, unchecked, and per dotted key where its value came from.

    Raises:
        ConfigError: the file or an override cannot be read, or a value has no such key below it.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for keys, value in leaves(_read(path)):
        _assign(merged, keys, value, origin=called or str(path))
        origins[dotted(keys)] = called or str(path)
    for override in overrides:
        key, value = _parse_override(override)
        no_longer_meant = _no_longer_meant(key, value, merged)
        _assign(merged, tuple(key.split(".")), value, origin=f"--set {override}")
        # A group given whole (`--set train={}`) hides what the file said about its members.
        for old in [old for old in origins if old.startswith(f"{key}.")]:
            del origins[old]
        for other in no_longer_meant:
            if other in origins and not origins[other].startswith("--set "):
                _assign(merged, tuple(other.split(".")), None, origin=f"--set {override}")
                origins[other] = f"--set {override}"
        for keys, _ in leaves({key: value}):
            origins[dotted(keys)] = f"--set {override}"
    return merged, origins


def _no_longer_meant(key: str, value: Any, merged: Mapping[str, Any]) -> tuple[str, ...]:
    """What a file has said, and is not meant where this is said over it."""
    if key in _ALTERNATIVES:
        return (_ALTERNATIVES[key],)
    before = merged.get("train")
    if (key, value) == ("train.method", "probe") and isinstance(before, dict):
        return () if before.get("method") == "probe" else _OF_A_NETWORK
    return ()


def leaves(
    tree: Mapping[str, Any], parents: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its keys from the top; a key itself may hold dots (a node's label)."""
    for key, value in tree.items():
        keys = (*parents, str(key))
        if isinstance(value, dict) and value:
            yield from leaves(value, keys)
        else:
            yield keys, value


def dotted(keys: tuple[str, ...]) -> str:
    """The keys as people write them: `train.steps`."""
    return ".".join(keys)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise ConfigError(f"{path}{where} is not valid YAML: {problem}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8: save it as such.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold keys and values. Received: {type(document).__name__}.")
    return document


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(
            f"--set takes key=value, for example train.steps=100. Received: {text!r}."
        )
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"--set {key.strip()}: the value is not valid YAML: {value!r}.") from None


def _assign(tree: dict[str, Any], keys: tuple[str, ...], value: Any, *, origin: str) -> None:
    *groups, leaf = keys
    node = tree
    for depth, group in enumerate(groups):
        child = node.setdefault(group, {})
        if not isinstance(child, dict):
            taken = ".".join(groups[: depth + 1])
            raise ConfigError(f"{origin}: {taken} is a value and has no key {leaf!r}.")
        node = child
    node[leaf] = value
