"""How good the student is on the held-out pictures, each seen as a whole."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from pretraining import views
from pretraining.answers import Answers
from pretraining.network import ResNet
from pretraining.pictures import Pictures

BATCH = 200


class Judges:
    """The held-out pictures with the teacher's answers."""

    def __init__(self, pictures: Pictures, answers: Answers) -> None:
        self._pictures = pictures
        self._answers = answers
        self._labels = torch.from_numpy(pictures.labels[answers.numbers]).long()
        self._targets = torch.from_numpy(answers.dense(np.arange(len(answers))))
        self._images: dict[int, np.ndarray] = {}

    def judge(self, network: ResNet, size: int) -> dict[str, float]:
        """Judges pictures with a side of `size` pixels.

        Returns:
            "agreement", the share in which the most probable class is the teacher's; "top1" and
            "top5" against the true labels, among all 1,000 classes; "divergence" from the teacher,
            nats.
        """
        logits = self._logits(network, self._rendered(size))
        order = logits.topk(5, dim=1).indices
        hits = order == self._labels[:, None]
        log_probs = functional.log_softmax(logits, dim=1)
        return {
            "agreement": float((order[:, 0] == self._targets.argmax(1)).float().mean()),
            "top1": float(hits[:, 0].float().mean()),
            "top5": float(hits.any(1).float().mean()),
            "divergence": float(functional.kl_div(log_probs, self._targets, reduction="batchmean")),
        }

    @torch.inference_mode()
    def _logits(self, network: ResNet, images: np.ndarray) -> torch.Tensor:
        device = next(network.parameters()).device
        parts = []
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).to(device)
            parts.append(network(batch.permute(0, 3, 1, 2).float() / 255).float().cpu())
        return torch.cat(parts)

    def _rendered(self, size: int) -> np.ndarray:
        if size not in self._images:
            box = np.array([0, 0, 1, 1], np.float32)
            self._images = {
                size: np.stack(
                    [
                        views.render(self._pictures[int(number)], box, False, size)
                        for number in self._answers.numbers
                    ]
                )
            }
        return self._images[size]
