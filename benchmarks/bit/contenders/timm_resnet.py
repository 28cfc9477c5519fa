"""timm's `resnetv2_50x1_bit` as PyTorch trains fastest on an accelerator.

That is channels_last, autocast to bfloat16 and `torch.compile`. One mode, "compiled".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import timm
import torch
from torch.nn import functional

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task, Unavailable

PACKAGES = ("torch", "timm")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One training step, which returns the loss before its update."""
    del mode
    assert task.training
    if task.variant != "R50x1":
        raise Unavailable(f"no {task.variant} in timm")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    model = timm.create_model("resnetv2_50x1_bit", num_classes=task.num_classes)
    model.load_pretrained(str(task.checkpoint_path))
    model = model.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM, fused=True)
    # NHWC as stored is channels_last; timm takes [-1, 1].
    images = torch.from_numpy(task.images() * 2 - 1).permute(0, 3, 1, 2).to(device)
    labels = torch.from_numpy(task.labels()).to(device)

    @torch.compile
    def loss_of(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(images), labels)

    def train() -> np.ndarray:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=task.bfloat16):
            loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()
        return loss.detach().cpu().numpy()  # waits for the device

    return train
