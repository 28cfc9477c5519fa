"""The configuration of a run: defaults < YAML file < `--set key=value`, and each value's origin.

Checked once, before anything heavy is imported; every rejection is one sentence.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from bitpipe.errors import ConfigError
from components.settings import DataSettings, GateSettings, ModelSettings, TrainSettings
from pipeline.settings import kubeflow as cluster
from pipeline.settings.kubeflow import KubeflowSettings

SHIPPED = Path(__file__).parents[1] / "configs"
DEFAULT_CONFIG = "photos"

# A model's name is a folder name, a gRPC model_spec name and part of a URL.
ModelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides what a run does, except where its data and outputs are."""

    name: ModelName = "photos"
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    gate: GateSettings = GateSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()
    # Beam options: with the defaults everything runs in this process.
    beam: tuple[str, ...] = (
        # What DirectRunner falls back to, after trying to download another runner.
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        "--direct_num_workers=1",
        # Unless an image is named, TFX packs its own sources for remote workers before every stage
        # (2 to 5 s each); the local runner uses neither.
        "--sdk_container_image=unused",
    )


@dataclasses.dataclass(frozen=True)
class Effective:
    """A checked configuration and, per dotted key, where its value came from."""

    config: Config
    origins: Mapping[str, str]


def shipped_names() -> list[str]:
    """Names of the configurations that come with the project."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load(source: str | None = None, overrides: Sequence[str] = ()) -> Effective:
    """Merges and checks a configuration.

    Args:
        source: a YAML file, or the name of a shipped one; `None` for `photos`.
        overrides: `key=value` strings, dotted keys, YAML values; the last one wins.

    Raises:
        ConfigError: a file, key or value that cannot be used, in one sentence.
    """
    path = _find(source or DEFAULT_CONFIG)
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    document = _read(path)
    for keys, value in _leaves(document):
        _assign(merged, keys, value, origin=str(path))
        origins[_dotted(keys)] = str(path)
    for override in overrides:
        key, value = _parse_override(override)
        _assign(merged, tuple(key.split(".")), value, origin=f"--set {override}")
        # A group given whole (`--set train={}`) hides what the file said about its members.
        for old in [old for old in origins if old.startswith(f"{key}.")]:
            del origins[old]
        for keys, _ in _leaves({key: value}):
            origins[_dotted(keys)] = f"--set {override}"
    try:
        # Not strict, because YAML 1.1 reads 1e-3 as a string.
        config = msgspec.convert(merged, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error, merged, origins)) from None
    _check_together(config)
    every = {
        dotted: origins.get(dotted, "default")
        for dotted in (_dotted(keys) for keys, _ in _leaves(as_dict(config)))
    }
    return Effective(config, every)


def as_dict(config: Config) -> dict[str, Any]:
    """The configuration as nested plain values (what YAML and JSON can hold)."""
    return msgspec.to_builtins(config)


def _check_together(config: Config) -> None:
    """Rules that no single value can break."""
    from components.bit import variants

    try:
        variants.get(config.model.variant)
    except ConfigError as error:
        raise ConfigError(f"model.variant: {error}") from None
    cluster.check(config.kubeflow)
    if config.data.span_window > 1 and not config.data.has_spans:
        raise ConfigError(
            "data.span_window wants a {SPAN} in data.pattern, as in span-{SPAN}/*/*. "
            f"Received: {config.data.span_window} and {config.data.pattern!r}."
        )
    train = config.train
    if train.resize is not None and train.crop is not None and train.crop > train.resize:
        raise ConfigError(
            "train.crop must not be larger than train.resize. "
            f"Received: crop {train.crop}, resize {train.resize}."
        )
    if train.micro_batch_size is not None and train.batch_size % train.micro_batch_size:
        raise ConfigError(
            "train.micro_batch_size must divide train.batch_size. Received: "
            f"{train.micro_batch_size} and {train.batch_size}."
        )
    if train.boundaries is not None and list(train.boundaries) != sorted(set(train.boundaries)):
        raise ConfigError(
            f"train.boundaries must be ascending steps. Received: {list(train.boundaries)}."
        )


def _find(source: str) -> Path:
    shipped = SHIPPED / f"{source}.yaml"
    if Path(source).suffix not in (".yaml", ".yml") and shipped.is_file():
        return shipped
    path = Path(source)
    if path.is_file():
        return path
    raise ConfigError(
        f"no configuration {source!r}: give a YAML file or one of {', '.join(shipped_names())}."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise ConfigError(f"{path}{where} is not valid YAML: {problem}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
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


def _leaves(
    tree: Mapping[str, Any], parents: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its keys from the top; a key itself may hold dots (a node's label)."""
    for key, value in tree.items():
        keys = (*parents, str(key))
        if isinstance(value, dict) and value:
            yield from _leaves(value, keys)
        else:
            yield keys, value


def _dotted(keys: tuple[str, ...]) -> str:
    return ".".join(keys)


def _explain(
    error: msgspec.ValidationError, merged: Mapping[str, Any], origins: Mapping[str, str]
) -> str:
    message, _, at = str(error).partition(" - at `")
    where = at.rstrip("`").removeprefix("$").lstrip(".")
    if "unknown field" in message:
        key = message.split("`")[1]
        dotted = f"{where}.{key}" if where else key
        origin = _origin_of(dotted, origins)
        return f"unknown key {dotted!r}{_did_you_mean(dotted)} ({origin})."
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


def _did_you_mean(dotted: str) -> str:
    known = [_dotted(keys) for keys, _ in _leaves(as_dict(Config()))]
    groups = {key.rpartition(".")[0] for key in known} - {""}
    leaf = dotted.rpartition(".")[2]
    by_leaf = {key.rpartition(".")[2]: key for key in known}
    close = difflib.get_close_matches(dotted, [*known, *groups], n=1, cutoff=0.75)
    close = close or [by_leaf[m] for m in difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.6)]
    if close:
        return f"; did you mean {close[0]!r}?"
    siblings = [key for key in known if key.rpartition(".")[0] == dotted.rpartition(".")[0]]
    return f"; known keys: {', '.join(siblings or known)}"


def render(effective: Effective) -> str:
    """The configuration as YAML, each value with its origin as a comment."""
    lines: list[tuple[str, str]] = []
    seen: list[str] = []
    for keys, value in _leaves(as_dict(effective.config)):
        *groups, leaf = keys
        for depth, group in enumerate(groups):
            if seen[: depth + 1] != groups[: depth + 1]:
                lines.append((f"{'  ' * depth}{group}:", ""))
        seen = groups
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n")
        lines.append(
            (f"{'  ' * len(groups)}{leaf}: {text.strip()}", effective.origins[_dotted(keys)])
        )
    width = max(len(line) for line, origin in lines if origin) + 2
    return "".join(
        f"{line:<{width}}# {origin}\n" if origin else f"{line}\n" for line, origin in lines
    )


def headline(name: str) -> str:
    """The first comment line of a shipped configuration."""
    first = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").rstrip()
