"""What the student sees at each step: a function of the seed and the step alone.

So a run that was killed goes on as if it had not been, and no random state has to be stored.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pretraining import views
from pretraining.answers import Answers, concatenate
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
class Plan:
    """What one step shows, before anything is rendered.

    Attributes:
        pictures: (B,) int64, places in the store.
        rows: (B,) int64, places among the answers of all views.
        boxes: (B, 4) float32, as in `views.Views`.
        flips: (B,) bool.
        shares: (B,) float32, what each keeps of its own when it is mixed with its mirror place in
            the batch; 1 where nothing is mixed.
    """

    pictures: np.ndarray
    rows: np.ndarray
    boxes: np.ndarray
    flips: np.ndarray
    shares: np.ndarray


@dataclasses.dataclass(frozen=True)
class Batch:
    """One step's input.

    Attributes:
        images: (B, size, size, 3) float32 in [0, 1].
        targets: (B, 1000) float32, each sums to 1.
    """

    images: np.ndarray
    targets: np.ndarray


class Source:
    """Makes the batches of any step.

    Args:
        pictures: the store.
        answered: the teacher's answers to each view that is there, from view 0 on.
        seed: of the order, the jitter, the mixing; and of the views, as given to the teacher.
        batch: pictures a step.
        targets: what is learned.

    Attributes:
        answers: of all views, one behind the other.
    """

    def __init__(
        self, pictures: Pictures, answered: list[Answers], seed: int, batch: int, targets: Targets
    ) -> None:
        self.pictures = pictures
        self.answers = concatenate(answered)
        self.seed = seed
        self.batch = batch
        self.targets = targets
        of_view = [views.of(len(pictures), seed, view) for view in range(len(answered))]
        self._boxes = np.stack([each.boxes for each in of_view])
        self._flips = np.stack([each.flips for each in of_view])
        self._view_of = np.repeat(np.arange(len(answered)), [len(each) for each in answered])
        self._rounds: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        """Pictures times views."""
        return len(self._view_of)

    def plan(self, step: int) -> Plan:
        """What a 0-based step shows."""
        random = np.random.default_rng((self.seed, 1, step))
        rows = self._order(step)
        shifts = random.uniform(-JITTER, JITTER, (self.batch, 2)).astype(np.float32)
        flips = random.random(self.batch) < 0.5
        alpha = self.targets.mixup
        shares = random.beta(alpha, alpha, self.batch) if alpha > 0 else np.ones(self.batch)
        pictures, view = self.answers.numbers[rows], self._view_of[rows]
        return Plan(
            pictures,
            rows,
            views.shifted(self._boxes[view, pictures], shifts),
            # Half of them mirrored once more: the teacher hardly tells, and pictures double.
            self._flips[view, pictures] ^ flips,
            shares.astype(np.float32),
        )

    def make(self, step: int, size: int) -> Batch:
        """The batch of a 0-based step, of pictures with a side of `size` pixels."""
        plan = self.plan(step)
        images = np.empty((self.batch, size, size, 3), np.uint8)
        for place, picture in enumerate(plan.pictures.tolist()):
            images[place] = views.render(
                self.pictures[picture], plan.boxes[place], bool(plan.flips[place]), size
            )
        targets = self.answers.dense(plan.rows) * np.float32(1 - self.targets.labels)
        labels = self.pictures.labels[plan.pictures]
        targets[np.arange(self.batch), labels] += self.targets.labels
        return Batch(_mix(images.astype(np.float32) / 255, plan.shares), _mix(targets, plan.shares))

    def _order(self, step: int) -> np.ndarray:
        """(B,) places among pictures times views: each once before any comes again."""
        count = len(self)
        places = np.arange(step * self.batch, (step + 1) * self.batch)
        rounds, within = np.divmod(places, count)
        chosen = np.empty(self.batch, np.int64)
        for number in np.unique(rounds).tolist():
            chosen[rounds == number] = self._round(number)[within[rounds == number]]
        return chosen

    def _round(self, number: int) -> np.ndarray:
        """The order of one round; kept, because drawing a million places takes as long as a step.

        Several threads may ask: each finds a complete order, whoever drew it.
        """
        order = self._rounds.get(number)
        if order is None:
            order = np.random.default_rng((self.seed, 2, number)).permutation(len(self))
            self._rounds = {number: order}
        return order


def _mix(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Each of (B, ...) with its mirror place in the batch, `shares` (B,) of it being its own."""
    own = shares.reshape(-1, *[1] * (values.ndim - 1))
    return own * values + (1 - own) * values[::-1]
