"""Pictures that lie in an accelerator's memory, their views rendered there.

A GPU learns from tens of thousands of pictures a second; Pillow renders about 2,000 on a core.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pretraining.pictures import Pictures

SIDE = 128  # pixels of a stored picture; none of the upstream sets is larger on its shorter side
_AT_ONCE = 1000  # pictures


class Resident:
    """All pictures, squashed to squares of `SIDE` pixels: uint8, 49 kB each.

    Args:
        pictures: the store.
        device: that keeps them.
    """

    def __init__(self, pictures: Pictures, device: str | torch.device) -> None:
        self._pixels = torch.empty((len(pictures), SIDE, SIDE, 3), dtype=torch.uint8, device=device)
        shapes = np.stack([pictures.heights, pictures.widths], axis=1)
        for height, width in np.unique(shapes, axis=0):
            members = np.flatnonzero((shapes == (height, width)).all(1))
            for start in range(0, len(members), _AT_ONCE):
                some = members[start : start + _AT_ONCE]
                pixels = torch.from_numpy(np.stack([pictures[number] for number in some]))
                self._pixels[onto(some, device)] = _squash(pixels.to(device))

    def render(self, numbers: Tensor, boxes: Tensor, flips: Tensor, size: int, mode: str) -> Tensor:
        """Views as a network sees them, within one grey level of `views.render` as a rule.

        Args:
            numbers: (B,) int64, places in the store; all three on the device.
            boxes: (B, 4) float32, as in `views.Views`.
            flips: (B,) bool, whether each is mirrored.
            size: side in pixels of the result, to which a box is squashed.
            mode: "bilinear" or "bicubic".

        Returns:
            (B, 3, size, size) float32 in [0, 1], stored NHWC.
        """
        device = self._pixels.device
        pixels = self._pixels[numbers].permute(0, 3, 1, 2)
        # More samples than pixels where a picture shrinks, then their mean: no aliasing.
        finer = max(1, -(-SIDE // size))
        places = (torch.arange(size * finer, device=device) + 0.5) / (size * finer)
        left, top, right, bottom = boxes.T[:, :, None]
        across = torch.where(flips[:, None], 1 - places, places)
        x = (left + across * (right - left)) * 2 - 1
        y = (top + places * (bottom - top)) * 2 - 1
        grid = torch.stack(
            torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1
        )  # (B, size * finer, size * finer, 2)
        sampled = functional.grid_sample(
            pixels.float(), grid, mode=mode, padding_mode="border", align_corners=False
        )
        images = functional.avg_pool2d(sampled, finer).clamp(0, 255) / 255
        return images.contiguous(memory_format=torch.channels_last)


def onto(array: np.ndarray, device: str | torch.device) -> Tensor:
    """The array on the device, on its way there while the device computes."""
    tensor = torch.from_numpy(array)
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    # From memory that is not pinned, a copy would wait for all that was asked of the GPU before.
    return tensor.pin_memory().to(device, non_blocking=True)


def _squash(pixels: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, SIDE, SIDE, 3) uint8."""
    squashed = functional.interpolate(
        pixels.permute(0, 3, 1, 2).float(), (SIDE, SIDE), mode="bilinear", antialias=True
    )
    return squashed.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
