"""Starts training from the model in service: its network, and its head by the classes' names."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from bitpipe.errors import ConfigError
from bitpipe.model import description
from bitpipe.wording import counted
from components.bit import matching, resnet_v2, weights

# Spread below which a kernel's scale is no guide: what standardises adds 1e-10 to its square.
_LEAST_SPREAD = 1e-3
# Of a kernel's spread; folding and unfolding a kernel in float32 leaves some 1e-7 of it.
_ROUNDING = 1e-5
# Names in the sentence; with ImageNet's thousand it would fill screens.
_NAMED = 8


@dataclasses.dataclass(frozen=True)
class Start:
    """What was taken over.

    Attributes:
        known: classes that keep what the head knew of them.
        new: classes whose part of the head begins at zero.
        gone: classes of the model in service that there are no longer.
        backbone_moved: False where its backbone is the network's own to rounding, as after a
            probe, and was left alone.
    """

    known: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    backbone_moved: bool

    def __str__(self) -> str:
        changes = (("new", self.new), ("gone", self.gone))
        told = "; ".join(f"{word}: {_listed(names)}" for word, names in changes if names)
        return (
            "training starts from the model in service, "
            f"{counted(len(self.known), 'class', plural='classes')} of which "
            f"{'is' if len(self.known) == 1 else 'are'} the same{'; ' * bool(told)}{told}"
        )


def load(
    model: keras.Model, path: str, class_names: Sequence[str], *, variant: str, size: int
) -> Start:
    """Gives `model` the weights of an exported one.

    The export holds standardised kernels. They get back mean and spread of the kernels that are in
    the model, channel by channel, which a standardising network does not see; but the smaller a
    kernel, the more a step of the HyperRule's rate changes it.

    Args:
        model: of `resnet_v2.build`, with a head of zeros, and the weights that it would start from
            otherwise.
        path: folder of a `served_model.export`.
        class_names: in the order of the model's logits.
        variant: of the model.
        size: side in pixels of the pictures that it is to be served.

    Raises:
        ConfigError: it is of another variant or size, or does not say of which.
        WeightsError: its weights cannot be read.
    """
    known = description.read(path)
    if known is None:
        raise _refused("does not say what it is", f"a {variant} for pictures of {size} px")
    if (known.variant, known.size) != (variant, size):
        raise _refused(
            f"is a {known.variant} for pictures of {known.size} px",
            f"a {variant} for pictures of {size} px",
        )
    served = weights.of_export(path)
    head = (served.pop(matching.HEAD_KERNEL), served.pop(matching.HEAD_BIAS))
    before = {
        str(matching.canonical_name(variable.path)): keras.ops.convert_to_numpy(variable.value)
        for variable in model.variables
    }
    restored = {name: _unfolded(value, before.get(name)) for name, value in served.items()}
    moved = not all(_same(value, before.get(name)) for name, value in restored.items())
    if moved:
        weights.fill(model, restored, head=False, source=path)
    model.get_layer(resnet_v2.HEAD).set_weights(carried(*head, known.labels, class_names))
    return Start(
        known=tuple(name for name in class_names if name in known.labels),
        new=tuple(name for name in class_names if name not in known.labels),
        gone=tuple(name for name in known.labels if name not in class_names),
        backbone_moved=moved,
    )


def carried(
    kernel: np.ndarray, bias: np.ndarray, labels: Sequence[str], class_names: Sequence[str]
) -> list[np.ndarray]:
    """A head's kernel and bias for other classes: what is known by name, and zeros.

    Args:
        kernel: (C, labels) float32.
        bias: (labels,) float32.
        labels: in the order of the columns. Names beyond them have none.
        class_names: in the order of the columns of the result.
    """
    columns = {name: column for column, name in enumerate(labels[: len(bias)])}
    new_kernel = np.zeros((len(kernel), len(class_names)), np.float32)
    new_bias = np.zeros(len(class_names), np.float32)
    for index, name in enumerate(class_names):
        if (column := columns.get(name)) is not None:
            new_kernel[:, index] = kernel[:, column]
            new_bias[index] = bias[column]
    return [new_kernel, new_bias]


def _unfolded(value: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    if value.ndim != 4 or before is None or before.shape != value.shape:  # refused when filled
        return value
    window = (0, 1, 2)
    spread = np.maximum(before.std(window), _LEAST_SPREAD)
    return (value * spread + before.mean(window)).astype(np.float32)


def _same(value: np.ndarray, before: np.ndarray | None) -> bool:
    if before is None or before.shape != value.shape:
        return False
    return bool(np.abs(value - before).max() <= _ROUNDING * max(float(before.std()), _LEAST_SPREAD))


def _refused(served: str, wanted: str) -> ConfigError:
    return ConfigError(
        f"train.warm_start=served starts from the model in service, which {served}. Received: "
        f"settings for {wanted}. Set train.warm_start=upstream for this run, or model.variant and "
        "train.eval_size to what is served."
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
