"""The values of a run's parameters, as people give them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from bitpipe.errors import ConfigError
from pipeline.kubeflow.package import Parameter
from pipeline.kubeflow.parameters import parse

Value = str | int | float


def parameter_values(declared: Sequence[Parameter], given: Sequence[str]) -> dict[str, Value]:
    """Checks the parameters of a run before anything is sent.

    Args:
        declared: the pipeline's.
        given: `NAME=VALUE`; the last one of a name wins.

    Raises:
        ConfigError: a name is unknown, a value is of another type or unsafe, or one is missing.
    """
    known = {parameter.name: parameter for parameter in declared}
    values: dict[str, Value] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise ConfigError(f"--param takes NAME=VALUE. Received: {item!r}.")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}."
            raise ConfigError(f"--param {name}: the pipeline has no such parameter; {hint}")
        # Argo and the kubelet replace these, unquoted, on the value's way into the container.
        for unsafe in ("{{", "$("):
            if unsafe in text:
                raise ConfigError(
                    f"--param {name}: a value must not hold {unsafe!r}, which the cluster would "
                    f"replace. Received: {text!r}."
                )
        kind = known[name].type
        try:
            value = parse(kind, text)
        except ConfigError:
            raise ConfigError(f"--param {name} must be {kind}. Received: {text!r}.") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"--param {name} must be a finite number. Received: {text!r}.")
        values[name] = value
    for name, parameter in known.items():
        if parameter.default is None and name not in values:
            raise ConfigError(
                f"the pipeline needs --param {name}=VALUE: {parameter.description.rstrip('.')}."
            )
    return values
