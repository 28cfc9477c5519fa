"""The same network without pre-training, on tf_flowers: what the features are worth.

It is trained at 64 px: at 128 px it would cost a good part of what pre-training does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from components.bit import variants
from pretraining import pictures, probe, views
from pretraining.network import ResNet

SIZE, MARGIN = 64, 8  # pixels; crops of SIZE are taken from SIZE + MARGIN
BATCH = 64
RATE = 0.1


def flowers(
    variant: str, source: Path, rounds: int, show: Callable[[str], None]
) -> dict[str, float | int]:
    """Trains on the pictures that the linear probe learns from, and judges on the others.

    Args:
        variant: of the network.
        source: folder or zip of tf_flowers.
        rounds: how often each picture is seen; cosine from `RATE` to 0.
        show: is told the progress.

    Returns:
        "tf_flowers", top-1; "rounds"; "size", pixels.
    """
    paths: list[str] = []
    images: list[np.ndarray] = []
    for path, encoded in pictures.read(source):
        paths.append(path)
        decoded = pictures.decode(encoded)
        images.append(views.render(decoded, probe.WHOLE, False, SIZE + MARGIN))
    stacked = torch.from_numpy(np.stack(images))  # (N, 72, 72, 3) uint8
    labels = probe.labels_of(paths)
    learned, tested = probe.split_flowers(labels.numpy())
    network = ResNet(variants.get(variant), int(labels.max()) + 1)
    optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, nesterov=True)
    random = np.random.default_rng(0)
    steps = len(learned) // BATCH
    for number in range(rounds * steps):
        if number % steps == 0:
            order = random.permutation(learned)
        rate = RATE * (1 + np.cos(np.pi * number / (rounds * steps))) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = order[number % steps * BATCH :][:BATCH]
        top, left = random.integers(0, MARGIN + 1, 2)
        batch = stacked[rows][:, top : top + SIZE, left : left + SIZE]
        if random.random() < 0.5:
            batch = batch.flip(2)
        loss = functional.cross_entropy(network(_images(batch)), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (number + 1) % steps == 0:
            show(f"from scratch, round {(number + 1) // steps} of {rounds}: loss {loss:.3f}")
    middle = stacked[tested][:, MARGIN // 2 : -MARGIN // 2, MARGIN // 2 : -MARGIN // 2]
    with torch.inference_mode():
        logits = torch.cat([network(_images(part)) for part in middle.split(probe.BATCH)])
    top1 = float((logits.argmax(1) == labels[tested]).float().mean())
    return {"tf_flowers": top1, "rounds": rounds, "size": SIZE}


def _images(batch: torch.Tensor) -> torch.Tensor:
    return batch.permute(0, 3, 1, 2).float() / 255
