"""The configuration of a run: defaults < YAML file < `--set key=value`, and each value's origin.

Checked once, before anything heavy is imported; every rejection is one sentence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from bitpipe.errors import ConfigError
from components.data_checks.settings import CheckSettings
from components.gate import settings as gate
from components.gate.settings import GateSettings
from components.image_example_gen.settings import DataSettings
from components.serving_check.settings import ServingCheckSettings
from components.settings import ExportSettings, ModelSettings, PositiveInt, TrainSettings
from pipeline.settings import beam as engine
from pipeline.settings import kubeflow as cluster
from pipeline.settings import layers, mistakes, shipped
from pipeline.settings.beam import BeamSettings
from pipeline.settings.kubeflow import KubeflowSettings

# A model's name is a folder name, a gRPC model_spec name and part of a URL.
ModelName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        description="up to 63 letters without accents, digits, '_', '.' and '-', the first one a "
        "letter or digit",
    ),
]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides what a run does, except where its data and outputs are."""

    name: ModelName = "photos"
    data: DataSettings = DataSettings()
    checks: CheckSettings = CheckSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    export: ExportSettings = ExportSettings()
    gate: GateSettings = GateSettings()
    serving_check: ServingCheckSettings = ServingCheckSettings()
    # How many of the newest versions the Pusher leaves in place; `None` for all. What is in
    # service, bears a label or is pinned stays as well.
    keep_versions: PositiveInt | None = 5
    kubeflow: KubeflowSettings = KubeflowSettings()
    beam: BeamSettings = BeamSettings()


@dataclasses.dataclass(frozen=True)
class Effective:
    """A checked configuration and, per dotted key, where its value came from."""

    config: Config
    origins: Mapping[str, str]


def load(source: str | None = None, overrides: Sequence[str] = ()) -> Effective:
    """Merges and checks a configuration.

    Args:
        source: a YAML file, or the name of a shipped one; `None` for `photos`.
        overrides: `key=value` strings, dotted keys, YAML values; the last one wins.

    Raises:
        ConfigError: a file, key or value that cannot be used, in one sentence.
    """
    file = shipped.find(source or shipped.DEFAULT)
    called = f"the configuration {file.stem}" if file.parent == shipped.FOLDER else None
    merged, origins = layers.merge(file, overrides, called=called)
    _read_off(merged, Config)
    try:
        # Not strict, because YAML 1.1 reads 1e-3 as a string.
        config = msgspec.convert(merged, Config, strict=False)
    except msgspec.ValidationError:
        sentence = mistakes.explain(Config, merged, origins, _keys(Config()))
        raise ConfigError(sentence) from None
    _check_finite(config, origins)
    _check_together(config)
    return Effective(config, {key: origins.get(key, "default") for key in _keys(config)})


def as_dict(config: Config) -> dict[str, Any]:
    """The configuration as nested plain values (what YAML and JSON can hold)."""
    return msgspec.to_builtins(config)


def _keys(config: Config) -> list[str]:
    return [layers.dotted(keys) for keys, _ in layers.leaves(as_dict(config))]


def _check_longest_side(longest_side: int | None, train: TrainSettings) -> None:
    """A shorter side of half of it must hold all that the network is shown."""
    from components.bit import hyperrule

    sizes = {"resize": train.resize or hyperrule.LARGEST_RESIZE, "eval_size": train.eval_size or 0}
    name = max(sizes, key=sizes.__getitem__)
    least = 2 * sizes[name]
    if longest_side is not None and longest_side < least:
        given = getattr(train, name)
        told = f"train.{name} {given}" if given else "the HyperRule's largest resize"
        raise ConfigError(
            f"data.longest_side must be at least {least}, twice {told}: else crops would lose what "
            f"the pictures hold. Received: {longest_side}; leave it out, or raise it."
        )


def _read_off(tree: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """YAML 1.1 reads the word off as false; where a setting takes the word, that is what is meant.

    Args:
        tree: of settings of this kind; changed in place.
        kind: with the words that each setting takes.
    """
    for field in msgspec.structs.fields(kind):
        value = tree.get(field.encode_name)
        if isinstance(value, dict) and _is_struct(field.type):
            _read_off(value, field.type)
        elif value is False and "off" in getattr(field.type, "__args__", ()):
            tree[field.encode_name] = "off"


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _check_finite(config: Config, origins: Mapping[str, str]) -> None:
    """YAML knows .inf and .nan, msgspec's parser inf and nan, and no range keeps them all out."""
    for keys, value in layers.leaves(as_dict(config)):
        if isinstance(value, float) and not math.isfinite(value):
            key = layers.dotted(keys)
            raise ConfigError(
                f"{key} must be a finite number. Received: {value} "
                f"(from {origins.get(key, 'default')})."
            )


def _check_together(config: Config) -> None:
    """Rules that no single value can break."""
    from components.bit import networks

    try:
        networks.variant_of(config.model.backbone, config.model.variant)
    except ConfigError as error:
        raise ConfigError(f"model.variant: {error}") from None
    cluster.check(config.kubeflow)
    engine.check(config.beam)
    if config.data.workers is not None and config.beam.runner != "local":
        raise ConfigError(
            "data.workers counts processes of this machine, where beam.runner=local. "
            f"Received: {config.data.workers} and beam.runner={config.beam.runner}; "
            "leave it out: the engine says how many share the work."
        )
    config.data.of_source()  # tells of what contradicts itself
    gate.check(config.gate)
    if config.data.span_window > 1 and not config.data.has_spans:
        raise ConfigError(
            "data.span_window wants a {SPAN} in data.pattern, as in span-{SPAN}/*/*. "
            f"Received: {config.data.span_window} and {config.data.pattern!r}."
        )
    train = config.train
    _check_longest_side(config.data.longest_side, train)
    if train.steps is not None and train.epochs is not None:
        raise ConfigError(
            "train.steps and train.epochs say the same in two ways: set one of them to null. "
            f"Received: {train.steps} steps and {train.epochs:g} epochs."
        )
    if train.warm_start == "served" and config.kubeflow.target == "vertex":
        raise ConfigError(
            "train.warm_start=served needs a look at what is in service, which Vertex AI runs none "
            "of. Set it to upstream, or kubeflow.target to kubeflow."
        )
    if train.patience is not None and not train.keep_best:
        raise ConfigError(
            "train.patience counts looks at held-out pictures: set train.keep_best=true with it. "
            f"Received: {train.patience}."
        )
    if train.resize is not None and train.crop is not None and train.crop > train.resize:
        raise ConfigError(
            "train.crop must not be larger than train.resize, from which it is cut. Received: crop "
            f"{train.crop}, resize {train.resize}. Set both; what is served is train.eval_size."
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
