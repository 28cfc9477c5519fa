"""The parameters of a run on a cluster, and how they become TFX's runtime parameters.

People give plain numbers and paths; a stage wants, for example, the gate's as one JSON string. The
second half runs in the stage's container.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from bitpipe.errors import ConfigError
from components.gate.settings import GateSettings
from pipeline.kubeflow.package import Parameter
from pipeline.settings.config import Config

# TFX's runtime parameters, and the run's parameters that each one is made of.
DATA, STEPS, GATE, RANGE_CONFIG = "data", "steps", "gate", "range-config"
SOURCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        DATA: ("data",),
        STEPS: ("steps",),
        GATE: ("min_accuracy", "max_drop", "min_recall_per_class"),
        RANGE_CONFIG: ("span", "span_window"),
    }
)
LATEST_SPAN = -1
_TYPES = MappingProxyType({"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float})


def declared(config: Config) -> tuple[Parameter, ...]:
    """The parameters of the pipeline that a configuration compiles to."""
    gate = config.gate
    parameters = [
        Parameter(
            "data", "STRING", config.kubeflow.data or None, "Folder with a folder per class."
        ),
        Parameter(
            "steps",
            "NUMBER_INTEGER",
            config.train.steps or 0,
            "Training steps; 0 leaves them to the BiT-HyperRule.",
        ),
        Parameter(
            "min_accuracy",
            "NUMBER_DOUBLE",
            gate.min_accuracy,
            "What a model must reach (0 to 1, by gate.metric) to be pushed.",
        ),
        Parameter(
            "max_drop",
            "NUMBER_DOUBLE",
            gate.max_drop,
            "What may be lost (0 to 1) against the model in service.",
        ),
        Parameter(
            "min_recall_per_class",
            "NUMBER_DOUBLE",
            gate.min_recall_per_class or 0.0,
            "Recall (0 to 1) that every class must reach; 0 judges the whole only.",
        ),
    ]
    if config.data.has_spans:
        parameters += [
            Parameter(
                "span",
                "NUMBER_INTEGER",
                LATEST_SPAN,
                f"Number of the span to train on; {LATEST_SPAN} takes the latest.",
            ),
            Parameter(
                "span_window",
                "NUMBER_INTEGER",
                config.data.span_window,
                "How many spans, up to the latest one, to train on together.",
            ),
        ]
    return tuple(parameters)


def parse(parameter_type: str, text: str) -> str | int | float:
    """A value as Kubeflow writes it into a command line (`3`, `3.0`, `1e-05`).

    Raises:
        ConfigError: it is not of the type.
    """
    convert = _TYPES[parameter_type]
    try:
        # Kubeflow's numbers are JSON's: an integer may arrive as 3.0.
        value = float(text) if convert is int else convert(text)
        if convert is int and value != int(value):
            raise ValueError
        return convert(value)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"a run's parameter must be of type {parameter_type}. Received: {text!r}."
        ) from None


def bindings(values: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    """TFX's runtime parameters for those parameters of a run that a stage was given.

    Raises:
        ConfigError: a value is out of range.
    """
    bound: dict[str, str | int | float] = {}
    for name, sources in SOURCES.items():
        if all(source in values for source in sources):
            bound[name] = _BIND[name](*(values[source] for source in sources))
    return bound


def _data(path: str) -> str:
    if not path:
        raise ConfigError("the parameter data must name a folder. Received: an empty string.")
    return path


def _steps(steps: int) -> int:
    if steps < 0:
        raise ConfigError(f"the parameter steps must be 0 or more. Received: {steps}.")
    return steps


def _gate(min_accuracy: float, max_drop: float, min_recall_per_class: float) -> str:
    given: dict[str, float | None] = {"min_accuracy": min_accuracy, "max_drop": max_drop}
    given["min_recall_per_class"] = min_recall_per_class or None
    try:
        msgspec.convert(given, GateSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the gate's parameters: {error}. Received: {given}.") from None
    return msgspec.json.encode(given).decode()


def _range_config(span: int, window: int) -> str:
    if window < 1 or (window > 1 and span != LATEST_SPAN):
        raise ConfigError(
            "the parameter span_window must be 1 or more, and 1 where span names one. "
            f"Received: {window}, and {span} for span."
        )
    if span == LATEST_SPAN:
        chosen = f'"rolling_range": {{"num_spans": {window}}}'
    elif span >= 0:
        chosen = f'"static_range": {{"start_span_number": {span}, "end_span_number": {span}}}'
    else:
        raise ConfigError(
            f"the parameter span must be 0 or more, or {LATEST_SPAN} for the latest. "
            f"Received: {span}."
        )
    return f"{{{chosen}}}"


_BIND: Mapping[str, Callable[..., str | int | float]] = MappingProxyType(
    {DATA: _data, STEPS: _steps, GATE: _gate, RANGE_CONFIG: _range_config}
)
