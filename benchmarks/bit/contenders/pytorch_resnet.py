"""BiT's network in PyTorch, as its users write it: weights standardised in `forward`.

Modes: "eager"; "folded", kernels standardised once, for inference; "compiled", `torch.compile`,
for inference on folded kernels; "compiled-bfloat16", for inference with all of it in bfloat16.
All of them with channels_last on all cores that the process may use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task, Unavailable
from components.bit import variants

PACKAGES = ("torch",)


class StdConv2d(nn.Conv2d):
    """Convolution without bias, its kernel standardised at every call."""

    def forward(self, x: Tensor) -> Tensor:
        """Float (B, C, H, W) -> (B, filters, H', W')."""
        return self._conv_forward(x, standardize(self.weight), None)


def standardize(weight: Tensor) -> Tensor:
    """A kernel (O, I, H, W) with mean 0 and variance 1 over I, H, W."""
    variance, mean = torch.var_mean(weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
    return (weight - mean) * torch.rsqrt(variance + 1e-10)


class NormReLU(nn.GroupNorm):
    """Group normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__(variants.GROUPS, channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Float (B, C, H, W) -> the same shape, at least 0."""
        return functional.relu(super().forward(x))


class Unit(nn.Module):
    """A pre-activated bottleneck unit of ResNetV2."""

    def __init__(self, conv: type[nn.Conv2d], inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.a_norm = NormReLU(inputs)
        self.proj = (
            conv(inputs, 4 * filters, 1, stride, bias=False)
            if stride > 1 or inputs != 4 * filters
            else None
        )
        self.a = conv(inputs, filters, 1, bias=False)
        self.b_norm = NormReLU(filters)
        self.b = conv(filters, filters, 3, stride, padding=1, bias=False)
        self.c_norm = NormReLU(filters)
        self.c = conv(filters, 4 * filters, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Float (B, inputs, H, W) -> (B, 4 * filters, H / stride, W / stride)."""
        activated = self.a_norm(x)
        shortcut = x if self.proj is None else self.proj(activated)
        x = self.b(self.b_norm(self.a(activated)))
        return self.c(self.c_norm(x)) + shortcut


class ResNet(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> logits (B, num_classes).

    Args:
        variant: depth and width.
        num_classes: outputs of the head.
        folded: kernels are standardised when they are loaded, once, for inference.
    """

    def __init__(
        self, variant: variants.Variant, num_classes: int, *, folded: bool = False
    ) -> None:
        super().__init__()
        conv = nn.Conv2d if folded else StdConv2d
        self.folded = folded
        self.root = conv(3, variant.root_channels, 7, 2, padding=3, bias=False)
        inputs = variant.root_channels
        units: dict[str, Unit] = {}
        for block, filters in enumerate(variant.bottleneck_channels, start=1):
            for unit in range(1, variant.units[block - 1] + 1):
                stride = 2 if unit == 1 and block > 1 else 1
                units[f"block{block}/unit{unit:02d}"] = Unit(conv, inputs, filters, stride)
                inputs = 4 * filters
        self.paths = list(units)
        self.units = nn.Sequential(*units.values())
        self.norm = NormReLU(inputs)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Float images (B, 3, H, W) in [0, 1] -> logits (B, num_classes)."""
        x = self.root(images * 2 - 1)
        x = functional.max_pool2d(functional.pad(x, (1, 1, 1, 1)), 3, 2)
        x = self.norm(self.units(x))
        return self.head(x.mean(dim=(2, 3)))

    @torch.no_grad()
    def load(self, checkpoint: Mapping[str, np.ndarray]) -> None:
        """Fills the network from arrays in the official layout, kernels HWIO; all are consumed."""
        arrays = dict(checkpoint)

        def kernel(path: str) -> Tensor:
            weight = torch.from_numpy(arrays.pop(f"resnet/{path}/kernel")).permute(3, 2, 0, 1)
            is_head = path.startswith("head/")
            return standardize(weight) if self.folded and not is_head else weight

        def fill_norm(norm: NormReLU, path: str) -> None:
            norm.weight.copy_(torch.from_numpy(arrays.pop(f"resnet/{path}group_norm/gamma")))
            norm.bias.copy_(torch.from_numpy(arrays.pop(f"resnet/{path}group_norm/beta")))

        self.root.weight.copy_(kernel("root_block/standardized_conv2d"))
        for path, unit in zip(self.paths, self.units, strict=True):
            for part in ("a", "b", "c"):
                fill_norm(getattr(unit, f"{part}_norm"), f"{path}/{part}/")
                getattr(unit, part).weight.copy_(kernel(f"{path}/{part}/standardized_conv2d"))
            if unit.proj is not None:
                unit.proj.weight.copy_(kernel(f"{path}/a/proj/standardized_conv2d"))
        fill_norm(self.norm, "")
        self.head.weight.copy_(kernel("head/conv2d")[:, :, 0, 0])
        self.head.bias.copy_(torch.from_numpy(arrays.pop("resnet/head/conv2d/bias")))
        if arrays:
            raise ValueError(f"the network has no place for {', '.join(arrays)}.")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One iteration: the logits (B, classes), or the loss before an update."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    mode, _, precision = mode.partition("-")
    folded = mode == "folded" or (mode == "compiled" and not task.training)
    model = ResNet(variants.get(task.variant), task.num_classes, folded=folded)
    model.load(task.checkpoint())
    model = model.to(memory_format=torch.channels_last)
    model.train(task.training)
    # NHWC as stored is channels_last: nothing is copied.
    images = torch.from_numpy(task.images()).permute(0, 3, 1, 2)
    if precision:
        model, images = model.to(torch.bfloat16), images.to(torch.bfloat16)
    labels = torch.from_numpy(task.labels())
    network = _compiled(model, images, task) if mode == "compiled" else model
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, fused=True)

    @torch.inference_mode()
    def infer() -> np.ndarray:
        return network(images).float().numpy()

    def train() -> np.ndarray:
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach().numpy()

    return train if task.training else infer


def _compiled(model: nn.Module, images: Tensor, task: Task) -> Callable[[Tensor], Tensor]:
    network = torch.compile(model)
    try:
        with torch.inference_mode(not task.training):
            network(images)
    except Exception as error:  # no compiler, no headers, an unknown Python: PyTorch has no base
        reason = next(filter(None, str(error).splitlines()), repr(error))
        raise Unavailable(f"torch.compile failed: {reason}") from error
    return network
