"""Asks the teacher."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from pretraining import answers, views
from pretraining.pictures import Pictures
from pretraining.prefetch import Ahead
from pretraining.views import Views

BATCH = 50  # pictures


def write(
    pictures: Pictures,
    teacher: nn.Module,
    folder: Path,
    *,
    view: int,
    seed: int,
    size: int,
    show: Callable[[str], None],
) -> None:
    """Writes the parts of one view that are not there yet.

    Args:
        pictures: N of them.
        teacher: of `teacher.load`, on the device it is to run on.
        folder: of `answers.folder_of`.
        view: its number, from 0.
        seed: of the views and of the order.
        size: side in pixels of what the teacher sees.
        show: is told the progress.
    """
    training = np.flatnonzero(~pictures.held_out)
    order = np.random.default_rng(seed).permutation(training)
    of_view = views.of(len(pictures), seed, view)
    parts = -(-len(order) // answers.PART)
    for part in range(parts):
        path = answers.part_of(folder, view, part)
        if path.exists():
            continue
        start = time.monotonic()
        numbers = order[part * answers.PART : (part + 1) * answers.PART]
        answers.save(path, _ask(pictures, teacher, numbers, of_view, size))
        rate = len(numbers) / (time.monotonic() - start)
        left_s = (len(order) - (part + 1) * answers.PART) / rate
        show(f"view {view}, part {part + 1} of {parts}, {rate:.0f} pictures/s, {left_s:.0f} s left")


def write_judged(pictures: Pictures, teacher: nn.Module, folder: Path, *, size: int) -> None:
    """Writes the answers to the held-out pictures, each seen as a whole."""
    if not (folder / answers.JUDGES).exists():
        numbers = np.flatnonzero(pictures.held_out)
        answers.save(
            folder / answers.JUDGES,
            _ask(pictures, teacher, numbers, views.whole(len(pictures)), size),
        )


@torch.inference_mode()
def _ask(
    pictures: Pictures, teacher: nn.Module, numbers: np.ndarray, of_view: Views, size: int
) -> answers.Answers:
    device = next(teacher.parameters()).device

    def batch(chosen: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                views.render(
                    pictures[number],
                    of_view.boxes[number],
                    bool(of_view.flips[number]),
                    size,
                    Image.Resampling.BICUBIC,  # as the teacher was trained and judged
                )
                for number in chosen
            ]
        )

    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    logits = []
    for pixels in Ahead(batch, batches):  # (B, size, size, 3) uint8
        # NHWC as it is stored is channels_last: nothing is copied.
        images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()
        logits.append(teacher(images).float().cpu().numpy())
    return answers.compact(numbers, np.concatenate(logits))
