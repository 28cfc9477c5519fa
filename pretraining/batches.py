"""What the student sees at each step: a function of the seed and the step alone.

So a run that was killed goes on as if it had not been, and no random state has to be stored.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pretraining import views
from pretraining.answers import CLASSES, Answers
from pretraining.pictures import Pictures

# Shares of the crop's sides by which the student's crop may be off the teacher's: 3 px of 64.
JITTER = 0.05


@dataclasses.dataclass(frozen=True)
class Targets:
    """What is learned from each picture.

    Attributes:
        labels: share of the true label in the target, 0 (the teacher alone) to 1.
        mixup: alpha of the Beta distribution by which two pictures are mixed; 0 for none.
    """

    labels: float
    mixup: float


@dataclasses.dataclass(frozen=True)
class Batch:
    """One step's input.

    Attributes:
        images: (B, size, size, 3) float32 in [0, 1].
        targets: (B, 1000) float32, each sums to 1.
        teacher: (B,) int64, the class that is most probable in the target.
    """

    images: np.ndarray
    targets: np.ndarray
    teacher: np.ndarray


class Source:
    """Makes the batches of any step.

    Args:
        pictures: the store.
        answered: the teacher's answers to each view that is there, from view 0 on.
        seed: of the order, the jitter, the mixing; and of the views, as given to the teacher.
        batch: pictures a step.
        targets: what is learned.
    """

    def __init__(
        self, pictures: Pictures, answered: list[Answers], seed: int, batch: int, targets: Targets
    ) -> None:
        self.pictures = pictures
        self.answered = answered
        self.seed = seed
        self.batch = batch
        self.targets = targets
        self._views = [views.of(len(pictures), seed, view) for view in range(len(answered))]
        sizes = [len(answers) for answers in answered]
        self._view_of = np.repeat(np.arange(len(sizes)), sizes)
        self._row_of = np.concatenate([np.arange(size) for size in sizes])

    def __len__(self) -> int:
        """Pictures times views."""
        return len(self._view_of)

    def make(self, step: int, size: int) -> Batch:
        """The batch of a 0-based step, of pictures with a side of `size` pixels."""
        random = np.random.default_rng((self.seed, 1, step))
        chosen = self._order(step)
        shifts = random.uniform(-JITTER, JITTER, (self.batch, 2))
        flips = random.random(self.batch) < 0.5
        images = np.empty((self.batch, size, size, 3), np.uint8)
        targets = np.empty((self.batch, CLASSES), np.float32)
        for place, number in enumerate(chosen):
            view, row = self._view_of[number], self._row_of[number]
            answers, of_view = self.answered[view], self._views[view]
            picture = int(answers.numbers[row])
            box = views.shifted(of_view.boxes[picture], shifts[place])
            # Half of them mirrored once more: the teacher hardly tells, and pictures double.
            flip = bool(of_view.flips[picture] ^ flips[place])
            images[place] = views.render(self.pictures[picture], box, flip, size)
            targets[place] = answers.dense(np.array([row]))[0]
            targets[place] *= 1 - self.targets.labels
            targets[place, self.pictures.labels[picture]] += self.targets.labels
        pixels = images.astype(np.float32) / 255
        if self.targets.mixup > 0:
            alpha = self.targets.mixup
            shares = random.beta(alpha, alpha, self.batch).astype(np.float32)
            pixels = _mix(pixels, shares)
            targets = _mix(targets, shares)
        return Batch(pixels, targets, targets.argmax(1))

    def _order(self, step: int) -> np.ndarray:
        """(B,) places among pictures times views: each once before any comes again."""
        count = len(self)
        places = np.arange(step * self.batch, (step + 1) * self.batch)
        rounds, within = np.divmod(places, count)
        chosen = np.empty(self.batch, np.int64)
        for number in np.unique(rounds):
            order = np.random.default_rng((self.seed, 2, int(number))).permutation(count)
            chosen[rounds == number] = order[within[rounds == number]]
        return chosen


def _mix(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Each of (B, ...) with its mirror place in the batch, `shares` (B,) of it being its own."""
    own = shares.reshape(-1, *[1] * (values.ndim - 1))
    return own * values + (1 - own) * values[::-1]
