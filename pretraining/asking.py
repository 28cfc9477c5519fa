"""Asks the teacher."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pretraining import answers, views
from pretraining.pictures import Pictures
from pretraining.prefetch import Ahead
from pretraining.resident import Resident, onto
from pretraining.views import Views

BATCH = 50  # pictures
BATCH_ON_GPU = 500


class Asker:
    """A teacher before the pictures.

    Args:
        pictures: N of them.
        teacher: of `teacher.load`, on the device it is to run on.
        size: side in pixels of what it sees.
        seed: of the views and of the order.
    """

    def __init__(self, pictures: Pictures, teacher: nn.Module, size: int, seed: int) -> None:
        self.pictures = pictures
        self.teacher = teacher
        self.size = size
        self.seed = seed
        self._device = next(teacher.parameters()).device
        self._resident = Resident(pictures, self._device) if self._device.type == "cuda" else None

    def write(self, folder: Path, view: int, show: Callable[[str], None]) -> None:
        """Writes the parts of one view that are not there yet.

        Args:
            folder: of `answers.folder_of`.
            view: its number, from 0.
            show: is told the progress.
        """
        training = np.flatnonzero(~self.pictures.held_out)
        order = np.random.default_rng(self.seed).permutation(training)
        of_view = views.of(len(self.pictures), self.seed, view)
        parts = -(-len(order) // answers.PART)
        for part in range(parts):
            path = answers.part_of(folder, view, part)
            if path.exists():
                continue
            start = time.monotonic()
            numbers = order[part * answers.PART : (part + 1) * answers.PART]
            answers.save(path, self._ask(numbers, of_view))
            rate = len(numbers) / (time.monotonic() - start)
            left_s = max(0, len(order) - (part + 1) * answers.PART) / rate
            show(
                f"view {view}, part {part + 1} of {parts}, {rate:.0f} pictures/s, "
                f"{left_s:.0f} s left"
            )

    def write_judged(self, folder: Path) -> None:
        """Writes the answers to the held-out pictures, each seen as a whole."""
        path = folder / answers.JUDGES
        if not path.exists():
            numbers = np.flatnonzero(self.pictures.held_out)
            answers.save(path, self._ask(numbers, views.whole(len(self.pictures))))

    @torch.inference_mode()
    def _ask(self, numbers: np.ndarray, of_view: Views) -> answers.Answers:
        on_gpu = self._device.type == "cuda"
        kept = []
        for images in self._rendered(numbers, of_view):
            with torch.autocast(self._device.type, torch.float16, enabled=on_gpu):
                logits = self.teacher(images)
            # Reduced where they are: all 1,000 would be slow to fetch from a GPU.
            kept.append(torch.log_softmax(logits.float(), 1).topk(answers.KEPT))
        return answers.Answers(
            numbers,
            torch.cat([each.indices for each in kept]).cpu().numpy().astype(np.uint16),
            torch.cat([each.values for each in kept]).cpu().numpy().astype(np.float16),
        )

    def _rendered(self, numbers: np.ndarray, of_view: Views) -> Iterable[Tensor]:
        """Batches (B, 3, size, size) float32 in 0 to 255, stored NHWC."""
        resident = self._resident
        if resident is None:
            parts = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
            yield from Ahead(lambda some: self._render(some, of_view), parts)
            return
        for start in range(0, len(numbers), BATCH_ON_GPU):
            some = numbers[start : start + BATCH_ON_GPU]
            numbers_there = onto(some, self._device)
            boxes = onto(of_view.boxes[some], self._device)
            flips = onto(of_view.flips[some], self._device)
            yield resident.render(numbers_there, boxes, flips, self.size, "bicubic") * 255

    def _render(self, numbers: np.ndarray, of_view: Views) -> Tensor:
        pixels = [
            views.render(
                self.pictures[number],
                of_view.boxes[number],
                bool(of_view.flips[number]),
                self.size,
                Image.Resampling.BICUBIC,  # as the teacher was trained and judged
            )
            for number in numbers
        ]
        # NHWC as it is stored is channels_last: nothing is copied.
        return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float()
