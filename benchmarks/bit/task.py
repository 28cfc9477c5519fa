"""What a worker is asked to compute, and the files that make every contender compute the same.

Imported by workers of any framework: nothing here but the standard library, NumPy and
`components.bit.variants`, which imports neither.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from components.bit import variants

LEARNING_RATE = 0.003  # the HyperRule's, at its batch of 512
MOMENTUM = 0.9
# Losses that a contender reports before it is timed: one before any update, one after a plain
# step, and one after a step in which momentum counts.
CHECKED_LOSSES = 3


class Unavailable(Exception):
    """A contender cannot take part on this machine; the message says why, without a full stop."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One iteration, to be computed by every contender.

    Attributes:
        folder: where `write_inputs` has put its files.
        variant: a name from `components.bit.variants`.
        image_size: side of the square images in pixels.
        batch: images per iteration.
        training: an iteration is an optimiser step (SGD with momentum on softmax cross-entropy);
            else it is inference.
        num_classes: outputs of the head.
        bfloat16: mixed precision instead of float32.
    """

    folder: str
    variant: str
    image_size: int
    batch: int
    training: bool
    num_classes: int = 1000  # ImageNet
    bfloat16: bool = False

    def to_json(self) -> str:
        """For the command line of a worker."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task that `to_json` has written."""
        return cls(**json.loads(text))

    @property
    def checkpoint_path(self) -> Path:
        """Weights in the official layout: released names, kernels HWIO."""
        return Path(self.folder) / f"{self.variant}-{self.num_classes}.npz"

    @property
    def images_path(self) -> Path:
        """float32 (B, H, W, 3) in [0, 1]."""
        return Path(self.folder) / f"images-{self.image_size}-{self.batch}.npy"

    @property
    def labels_path(self) -> Path:
        """int64 (B,)."""
        return Path(self.folder) / f"labels-{self.num_classes}-{self.batch}.npy"

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Released names -> weights, convolution kernels as HWIO."""
        with np.load(self.checkpoint_path) as file:
            return {name: file[name] for name in file.files}

    def images(self) -> np.ndarray:
        """Images (batch, image_size, image_size, 3), as `write_inputs` has drawn them."""
        return np.load(self.images_path)

    def labels(self) -> np.ndarray:
        """Classes (batch,), integers below `num_classes`."""
        return np.load(self.labels_path)


def write_inputs(task: Task, seed: int = 0) -> None:
    """Writes the task's files, those that are not there yet: R50x1's weights are 100 MB."""
    rng = np.random.default_rng(seed)
    if not task.checkpoint_path.exists():
        variant = variants.get(task.variant)
        np.savez(task.checkpoint_path, **random_checkpoint(variant, task.num_classes, rng))
    if not task.images_path.exists():
        shape = (task.batch, task.image_size, task.image_size, 3)
        np.save(task.images_path, rng.random(shape, dtype=np.float32))
    if not task.labels_path.exists():
        np.save(task.labels_path, rng.integers(task.num_classes, size=task.batch))


def random_checkpoint(
    variant: variants.Variant, num_classes: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Weights under which every array matters: no gamma is 1, no beta or bias is 0."""

    def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
        centered = rng.random(shape, dtype=np.float32) - np.float32(0.5)
        if name.startswith("resnet/head/"):
            return centered * np.float32(0.1)
        return centered + np.float32(1) if name.endswith("/gamma") else centered

    return {name: values(name, shape) for name, shape in _shapes(variant, num_classes).items()}


def _shapes(variant: variants.Variant, num_classes: int) -> dict[str, tuple[int, ...]]:
    """Every array of a released checkpoint (google-research/big_transfer), kernels HWIO."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(path: str, channels: int) -> None:
        shapes[f"{path}/group_norm/gamma"] = shapes[f"{path}/group_norm/beta"] = (channels,)

    def conv(path: str, size: int, inputs: int, outputs: int) -> None:
        shapes[f"{path}/standardized_conv2d/kernel"] = (size, size, inputs, outputs)

    channels = variant.root_channels
    conv("resnet/root_block", 7, 3, channels)
    for block, inner in enumerate(variant.bottleneck_channels, start=1):
        for unit in range(1, variant.units[block - 1] + 1):
            path = f"resnet/block{block}/unit{unit:02d}"
            norm(f"{path}/a", channels)
            conv(f"{path}/a", 1, channels, inner)
            if unit == 1:
                conv(f"{path}/a/proj", 1, channels, 4 * inner)
            norm(f"{path}/b", inner)
            conv(f"{path}/b", 3, inner, inner)
            norm(f"{path}/c", inner)
            conv(f"{path}/c", 1, inner, 4 * inner)
            channels = 4 * inner
    norm("resnet", channels)
    shapes["resnet/head/conv2d/kernel"] = (1, 1, channels, num_classes)
    shapes["resnet/head/conv2d/bias"] = (num_classes,)
    return shapes
