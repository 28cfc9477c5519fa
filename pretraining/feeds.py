"""Brings a step's pictures and targets to where the student learns."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pretraining.answers import CLASSES
from pretraining.batches import Batch, Source
from pretraining.resident import Resident, onto

# A step's images (B, 3, size, size) float32 in [0, 1], stored NHWC, and targets (B, 1000) float32.
Fed = tuple[Tensor, Tensor]


class Feed(Protocol):
    """Makes a step's input in two parts: the first in other threads, ahead of time."""

    def prepare(self, step: int, size: int) -> object:
        """What `finish` needs for a step of pictures of `size` pixels; for any thread."""

    def finish(self, prepared: object) -> Fed:
        """The step's input, on the device."""


class FromProcessor:
    """Renders with Pillow, ahead of time."""

    def __init__(self, source: Source) -> None:
        self.prepare = source.make

    def finish(self, prepared: object) -> Fed:
        """See `Feed`."""
        assert isinstance(prepared, Batch)
        # NHWC as it is made is channels_last: nothing is copied.
        images = torch.from_numpy(prepared.images).permute(0, 3, 1, 2)
        return images, torch.from_numpy(prepared.targets)


class FromDevice:
    """Renders and mixes on the accelerator, of which a step takes a few per cent.

    Args:
        source: plans the steps.
        resident: the same pictures.
        device: of `resident`.
    """

    def __init__(self, source: Source, resident: Resident, device: str) -> None:
        self._source = source
        self._resident = resident
        self._device = device
        answers = source.answers
        self._indices = torch.from_numpy(answers.indices.astype("int16")).to(device)
        self._log_probs = torch.from_numpy(answers.log_probs).to(device)

    def prepare(self, step: int, size: int) -> object:
        """See `Feed`."""
        plan = self._source.plan(step)
        labels = self._source.pictures.labels[plan.pictures].astype("int64")
        fields = (plan.pictures, plan.boxes, plan.flips, plan.rows, labels, plan.shares)
        return [onto(field, self._device) for field in fields], size

    def finish(self, prepared: object) -> Fed:
        """See `Feed`."""
        assert isinstance(prepared, tuple)
        (pictures, boxes, flips, rows, labels, shares), size = prepared
        images = self._resident.render(pictures, boxes, flips, size, "bilinear")
        return _mix(images, shares), _mix(self._targets(rows, labels), shares)

    def _targets(self, rows: Tensor, labels: Tensor) -> Tensor:
        """As `Source.make` builds them, (B, 1000) float32."""
        kept = self._log_probs[rows].float().exp()
        rest = (1 - kept.sum(1, keepdim=True)).clamp(min=0) / (CLASSES - kept.shape[1])
        targets = rest.repeat(1, CLASSES).scatter(1, self._indices[rows].long(), kept)
        share = self._source.targets.labels
        targets *= (1 - share) / targets.sum(1, keepdim=True)
        return targets.scatter_add(1, labels[:, None], torch.full_like(kept[:, :1], share))


def _mix(values: Tensor, shares: Tensor) -> Tensor:
    """Each of (B, ...) with its mirror place in the batch, `shares` (B,) of it being its own."""
    own = shares.reshape(-1, *[1] * (values.ndim - 1))
    mixed = own * values + (1 - own) * values.flip(0)
    return mixed.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else mixed
