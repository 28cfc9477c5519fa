"""Trains a head on frozen features and gives it to the network."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from bitpipe.model.training import HEAD, Point
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import best, probe
from components.training.frozen import Frozen


def train(
    model: keras.Model,
    frozen: Frozen,
    rule: HyperRule,
    settings: TrainSettings,
    *,
    class_weights: np.ndarray | None = None,
    log_dir: str | None = None,
) -> tuple[tuple[Point, ...], int | None]:
    """Replaces the network's head by one that is trained on its features.

    Args:
        model: of `resnet_v2.build`.
        frozen: the features of its backbone.
        rule: of `probe.rule_for`.
        settings: seed, and what is held out and how often it is looked at.
        class_weights: see `probe.fit`.
        log_dir: see `probe.fit`.

    Returns:
        The curve, and the step of the best look if there was one.

    Raises:
        TrainingError: a feature or the loss is no finite number.
    """
    examples, held_out = frozen.examples()
    curve = best.Curve(HEAD)
    chosen: dict[int, probe.Head] = {}

    def watch(done: int, head: Callable[[], probe.Head]) -> bool:
        def look() -> best.Score:
            logits = probe.answers(head(), held_out.values[:, 0])
            total, right = best.score(logits, held_out.labels)
            return best.mean_score([(total, right, len(held_out.labels))])

        lookout = best.Lookout(
            look,
            curve,
            every=settings.checkpoint_every,
            steps=rule.steps,
            patience=settings.patience,
        )
        if lookout.at(done):
            chosen.clear()
            chosen[done] = head()
        return lookout.is_over

    last = probe.fit(
        examples,
        model.output.shape[-1],
        rule,
        seed=settings.seed,
        class_weights=class_weights,
        record=curve.add_all,
        log_dir=log_dir,
        **({"watch": watch} if len(held_out.labels) else {}),
    )
    step, head = next(iter(chosen.items()), (None, last))
    probe.install(model, head)
    return tuple(curve.points), step
