"""The phases of training by a method: a head, the whole network, and a head again."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow_transform as tft

from bitpipe.errors import TrainingError
from bitpipe.model.training import Point
from components import progress
from components.bit.hyperrule import HyperRule
from components.training import best, devices, head, held_out, inputs, loop, planning
from components.training.fine_tuning import CLIP_AFTER_PROBE, Finished, fine_tune
from components.training.method import BOTH, FINE_TUNE, PROBE, Choice
from components.training.selection import Selection

# Of the HyperRule's rate, where a probe has trained the head before. Gentler has gained nothing:
# 0.3, 1 and 3 end within a point of each other; from 5 on few pictures lost what the probe
# had, before gradients were clipped (docs/results.md). So the rule's own stays.
RATE_AFTER_PROBE = 1.0


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What is learned from.

    Attributes:
        files: gzipped TFRecords of the training split.
        transform: the output of the Transform stage.
        selection: of the records in `files`.
        class_names: in the order of the logits.
        class_weights: see `components.training.probe.fit`.
    """

    files: Sequence[str]
    transform: tft.TFTransformOutput
    selection: Selection
    class_names: Sequence[str]
    class_weights: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training leaves beside the weights in the model.

    Attributes:
        rule: of the whole network, or of the head where nothing else was trained.
        curve: of all phases.
        best_step: that of the weights, where those of the best look were taken; else None.
        discard: removes the checkpoints, when the model is safe.
    """

    rule: HyperRule
    curve: tuple[Point, ...] = ()
    best_step: int | None = None
    discard: Callable[[], None] = lambda: None


def train(job: planning.Job, choice: Choice, pictures: Pictures, log_dir: str) -> Trained:
    """Trains the job's model.

    Args:
        job: the model, and how it is trained.
        choice: the method.
        pictures: what is learned from.
        log_dir: of TensorBoard's curves; what heads that have not seen a picture take it for is
            written there, too.

    Raises:
        TrainingError: training diverged, or the memory is too small.
    """
    ends = best.Ends(job.model)
    rule = job.head_rules[PROBE] if choice.method == PROBE else job.rule
    curve: tuple[Point, ...] = ()
    best_step: int | None = None
    if choice.method != FINE_TUNE:
        curve, best_step = head.train(
            job.model,
            job.frozen,
            job.head_rules[choice.method],
            job.settings,
            class_weights=pictures.class_weights,
            log_dir=f"{log_dir}/probe",
            doubts=head.Doubts(log_dir, pictures.class_names) if devices.is_chief() else None,
        )
    ends.add(curve, best_step)
    if choice.method == PROBE:
        return Trained(rule, curve, best_step)
    if choice.method == BOTH and job.settings.learning_rate is None:
        rule = rule.with_overrides(learning_rate=RATE_AFTER_PROBE * rule.learning_rate)
    network = _train_network(job, choice, rule, pictures, log_dir)
    curve, best_step = curve + network.curve, network.best_step
    ends.add(network.curve, best_step)
    if choice.method == BOTH:
        check_answers(job.model, rule)  # first: else the features would be blamed
        again, best_step = head.train(
            job.model,
            job.freeze(f"{job.checkpoint_dir}/features"),  # no other run will have these weights
            job.head_rules[BOTH],
            job.settings,
            class_weights=pictures.class_weights,
            log_dir=f"{log_dir}/probe_again",
        )
        curve += again
        ends.add(again, best_step)
        best_step = ends.restore()
        if ends.undone:
            progress.say(
                loop.STAGE,
                "on the held-out pictures the last head does worse than what was there before it, "
                "which is kept (train.keep_best)",
            )
    return Trained(rule, curve, best_step, network.discard)


def _train_network(
    job: planning.Job, choice: Choice, rule: HyperRule, pictures: Pictures, log_dir: str
) -> Finished:
    """All weights, on pictures of the crop."""
    files, transform, selection = pictures.files, pictures.transform, pictures.selection
    # At another size the network's own head says little of what the last one will make of it.
    judges_itself = choice.method == FINE_TUNE or rule.crop == rule.eval_size
    with tempfile.TemporaryDirectory(prefix="bitpipe-cache-") as cache_dir:
        return fine_tune(
            job.model,
            lambda start_step: inputs.training_dataset(
                files,
                transform,
                rule,
                job.settings,
                num_examples=selection.num_trained,
                cache_dir=Path(cache_dir),
                start_step=start_step,
                keep=selection.trained,
            ),
            rule,
            job.settings,
            strategy=job.strategy,
            checkpoint_dir=job.checkpoint_dir,
            log_dir=log_dir,
            class_weights=pictures.class_weights,
            clip_norm=CLIP_AFTER_PROBE if choice.method == BOTH else None,
            look=held_out.look(job.model, files, transform, selection, rule.eval_size)
            if selection.num_held_out and judges_itself
            else None,
            announce=planning.says_its_pace(job, choice),
        )


def check_answers(model: keras.Model, rule: HyperRule) -> None:
    """Makes sure that the trained network answers with numbers.

    A step tells its loss before its update, so nothing has told yet what the last one did.

    Raises:
        TrainingError: it does not.
    """
    pictures = np.random.default_rng(0).random((2, rule.eval_size, rule.eval_size, 3), np.float32)
    if not np.isfinite(keras.ops.convert_to_numpy(model(pictures, training=False))).all():
        raise TrainingError(
            f"training diverged: the network no longer answers with numbers after step {rule.steps}"
            f", the last. Lower train.learning_rate (now {rule.learning_rate:g})."
        )
