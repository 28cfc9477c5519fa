"""Trains a head on frozen features and gives it to the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np

from bitpipe.model.training import HEAD, Point
from components import progress
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import best, cross_validation, loop, memory, probe
from components.training.frozen import Frozen
from components.training.probe import Examples


@dataclasses.dataclass(frozen=True)
class Doubts:
    """Where `guesses.FILE` is written, and the classes in the order of the logits."""

    folder: str
    class_names: Sequence[str]


def train(
    model: keras.Model,
    frozen: Frozen,
    rule: HyperRule,
    settings: TrainSettings,
    *,
    class_weights: np.ndarray | None = None,
    log_dir: str | None = None,
    doubts: Doubts | None = None,
) -> tuple[tuple[Point, ...], int | None]:
    """Trains the network's head, from what it is, on features of its backbone.

    Args:
        model: of `resnet_v2.build`.
        frozen: the features of its backbone.
        rule: of `probe.rule_for`.
        settings: seed, and what is held out and how often it is looked at.
        class_weights: see `probe.fit`.
        log_dir: see `probe.fit`.
        doubts: where heads that have not seen a picture say what they take it for; `None` for
            nowhere.

    Returns:
        The curve, and the step of the best look if there was one.

    Raises:
        TrainingError: a feature or the loss is no finite number, or the memory is too small.
    """
    width = model.get_layer(resnet_v2.FEATURES).output.shape[-1]
    memory.require_batch(rule.batch_size, width * np.dtype(np.float32).itemsize)
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
        start=probe.head_of(model),
        class_weights=class_weights,
        record=curve.add_all,
        log_dir=log_dir,
        **({"watch": watch} if len(held_out.labels) else {}),
    )
    step, head = next(iter(chosen.items()), (None, last))
    probe.install(model, head)
    if doubts is not None:
        _doubt(doubts, together(examples, held_out), rule, settings, class_weights)
    return tuple(curve.points), step


def seconds(model: keras.Model, rule: HyperRule, pictures: int) -> float:
    """How long `train` takes here once the features are there, `doubts` included; measured.

    Args:
        model: of `resnet_v2.build`.
        rule: of `probe.rule_for`.
        pictures: that have features.
    """
    width, num_classes = model.get_layer(resnet_v2.HEAD).kernel.shape
    step_s = probe.seconds_per_step(width, num_classes, rule.batch_size)
    return rule.steps * step_s + cross_validation.seconds(pictures, width, num_classes, rule)


def together(one: Examples, other: Examples) -> Examples:
    """Both; without a copy where the other is empty."""
    if not len(other.labels):
        return one
    return Examples(
        np.concatenate([one.values, other.values]),
        np.concatenate([one.labels, other.labels]),
        one.digests + other.digests,
    )


def _doubt(
    doubts: Doubts,
    examples: Examples,
    rule: HyperRule,
    settings: TrainSettings,
    class_weights: np.ndarray | None,
) -> None:
    classes = len(doubts.class_names)
    pictures, _, width = examples.values.shape
    if obstacle := cross_validation.obstacle(pictures, width, classes, rule):
        progress.say(
            loop.STAGE, f"wrong labels in the training split are not looked for: {obstacle}"
        )
        return
    found = cross_validation.predict(
        examples, classes, rule, seed=settings.seed, class_weights=class_weights
    )
    cross_validation.write(
        doubts.folder, cross_validation.guesses(examples, found, doubts.class_names)
    )
