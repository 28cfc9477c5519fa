"""Trains all of a network: optimiser, checkpoints, held-out pictures, one step after the other."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from bitpipe.errors import ConfigError
from bitpipe.model.training import NETWORK, Point
from bitpipe.wording import counted
from components import progress
from components.bit.hyperrule import HyperRule
from components.bit.momentum import MomentumSGD
from components.bit.schedule import WarmupStaircase
from components.settings import TrainSettings
from components.training import checkpoints, devices, loop, memory, pace
from components.training.best import BestWeights, Curve, Lookout, Score
from components.training.step import TrainingStep

# A head that separates the training pictures well is steep, and what it asks of the network in the
# first steps can undo it: 1,450 digits fell from 0.960 to 0.232 without, and rose to 0.982 with it.
# Lengths of 1, 3 and 10 prevent the fall as well and gain less (docs/results.md).
CLIP_AFTER_PROBE = 5.0

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Finished:
    """What training leaves beside the weights in the model.

    Attributes:
        curve: losses, accuracies and rates.
        best_step: that of the weights, where those of the best look were taken; else None.
        discard: removes the checkpoints, when the model is safe.
    """

    curve: tuple[Point, ...]
    best_step: int | None
    discard: Callable[[], None]


def fine_tune(
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    rule: HyperRule,
    settings: TrainSettings,
    *,
    checkpoint_dir: str,
    strategy: tf.distribute.Strategy | None = None,
    log_dir: str | None = None,
    class_weights: np.ndarray | None = None,
    clip_norm: float | None = None,
    look: Callable[[], Score] | None = None,
    announce: bool = False,
) -> Finished:
    """Trains all of `model` for `rule.steps` steps: SGD, momentum 0.9, softmax cross-entropy.

    Goes on from the checkpoint in `checkpoint_dir`, if there is one.

    Args:
        model: of `resnet_v2.build` under the strategy's scope; gives logits (B, classes).
        batches: gives endless batches of (images, one-hot labels), without the first so many.
        rule: steps, batch size and learning rate.
        settings: micro-batch, compilation, checkpoints and patience.
        checkpoint_dir: where checkpoints are written and looked for.
        strategy: devices; `None` for the one in scope.
        log_dir: where TensorBoard finds loss and accuracy, written by the chief.
        class_weights: (classes,) what a picture of each class counts; `None` for 1.
        clip_norm: see `TrainingStep`; `CLIP_AFTER_PROBE` for a head that a probe has trained.
        look: cross-entropy and accuracy of the model on held-out pictures; the weights that did
            best by it, those it began with among them, are the model's at the end. On one machine.
        announce: say after the first steps how long they all take.

    Raises:
        ConfigError: the batch cannot be shared by the devices or the micro-batches, or the workers
            do not share `checkpoint_dir`.
        TrainingError: the loss stopped being a finite number, the memory is too small, or another
            worker is gone.
    """
    strategy = strategy or tf.distribute.get_strategy()
    micro_batch_size = _micro_batch_size(model, rule, settings, strategy)
    with strategy.scope():
        optimizer: keras.optimizers.Optimizer = MomentumSGD(WarmupStaircase.from_rule(rule))
        if "float16" in {layer.compute_dtype for layer in model.layers}:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    saved = checkpoints.Checkpoints(
        checkpoint_dir,
        model,
        optimizer,
        every=settings.checkpoint_every,
        write=devices.is_chief(),
    )
    start = saved.restore()
    starts = devices.of_all_workers(start, strategy)
    if len(set(starts)) > 1:
        raise ConfigError(
            f"the workers must share the folder of the checkpoints, {checkpoint_dir}. Received: "
            f"checkpoints after steps {starts}. Put pipeline_root where all of them can read."
        )
    if start:
        _log.info("Going on after step %d of %d.", start, rule.steps)
        progress.kept(loop.STAGE, start, rule.steps, resumed=True)
    step = TrainingStep(
        model,
        optimizer,
        micro_batch_size=micro_batch_size,
        jit_compile=_jit_compile(settings, strategy),
        strategy=strategy,
        class_weights=class_weights,
        clip_norm=clip_norm,
    )
    curve = Curve(NETWORK, checkpoint_dir if devices.is_chief() else None)
    curve.resume(start)
    lookout = _Best(model, look, curve, rule, settings, checkpoint_dir) if look else None
    if lookout:
        lookout.begin(start)
    clock = pace.FirstSteps(start, rule, settings) if announce else None

    def after_step(done: int) -> bool:
        ends = lookout is not None and lookout.at(done)
        if clock:
            clock.at(done)
        if done % settings.checkpoint_every == 0 or done == rule.steps:
            curve.save()  # first: a checkpoint without its curve would be a gap in it
        if saved.after(done, last=done == rule.steps):
            progress.kept(loop.STAGE, done, rule.steps)
        if ends and settings.patience is not None:
            progress.say(
                loop.STAGE,
                f"ended after step {done} of {rule.steps}: nothing better on the held-out pictures "
                f"for {counted(settings.patience, 'look')} (train.patience)",
            )
        return ends

    if lookout is None or not lookout.is_over:
        wait_share = loop.train(
            step,
            strategy.experimental_distribute_dataset(batches(start)),
            rule,
            start=start,
            after_step=after_step,
            record=curve.add_all,
            log_dir=log_dir if devices.is_chief() else None,  # all would draw the same curve
        )
        _log.info("The devices waited for pictures %.1f %% of the time.", 100 * wait_share)
    best_step = lookout.restore() if lookout else None
    return Finished(tuple(curve.points), best_step, saved.discard)


class _Best:
    """The best weights of a network in training, by a look at held-out pictures."""

    def __init__(
        self,
        model: keras.Model,
        look: Callable[[], Score],
        curve: Curve,
        rule: HyperRule,
        settings: TrainSettings,
        folder: str,
    ) -> None:
        self._weights = BestWeights(folder, model)
        self._lookout = Lookout(
            look,
            curve,
            every=settings.checkpoint_every,
            steps=rule.steps,
            patience=settings.patience,
        )

    @property
    def is_over(self) -> bool:
        return self._lookout.is_over

    def begin(self, start: int) -> None:
        """Looks at the weights of the beginning, unless an earlier run's best are there."""
        best = self._lookout.best
        if best is None or not self._weights.has(best.step):
            self._lookout.forget()
            self._lookout.look(start)
            self._weights.save(start)

    def at(self, step: int) -> bool:
        if self._lookout.at(step):
            self._weights.save(step)
        return self._lookout.is_over

    def restore(self) -> int:
        best = self._lookout.best
        assert best is not None
        self._weights.restore(best.step)
        return best.step


def seconds_per_picture(
    model: keras.Model, rule: HyperRule, settings: TrainSettings, strategy: tf.distribute.Strategy
) -> float:
    """How long the gradient of a picture takes here, on all devices together; measured."""
    count = _micro_batch_size(model, rule, settings, strategy)
    if not devices.accelerated(strategy):
        count = min(count, pace.pictures_on_a_cpu(model, rule.crop))
    gradients = TrainingStep(
        model,
        keras.optimizers.SGD(0.0),
        jit_compile=_jit_compile(settings, strategy),
        strategy=strategy,
    ).gradients
    images = tf.zeros((count, rule.crop, rule.crop, 3))
    labels = tf.one_hot([0] * count, model.output.shape[-1])
    seconds = pace.seconds(lambda: gradients(images, labels))
    return seconds / count / strategy.num_replicas_in_sync


def _jit_compile(settings: TrainSettings, strategy: tf.distribute.Strategy) -> bool:
    if settings.jit_compile is not None:
        return settings.jit_compile
    # XLA on a CPU took 1.5 times as long; a TPU's step is compiled anyway.
    return devices.accelerated(strategy)


def _micro_batch_size(
    model: keras.Model, rule: HyperRule, settings: TrainSettings, strategy: tf.distribute.Strategy
) -> int:
    replicas = strategy.num_replicas_in_sync
    share, rest = divmod(rule.batch_size, replicas)
    if rest:
        raise ConfigError(
            f"train.batch_size must be a multiple of the {replicas} devices. "
            f"Received: {rule.batch_size}. Change it, or set train.distribution=one_device."
        )
    memory.require_batch(share, 3 * rule.crop**2 * tf.float32.size)
    chosen = settings.micro_batch_size
    if chosen is None:
        chosen = memory.micro_batch_size(model, share, rule.crop, memory.available_bytes())
        _log.info("Micro-batches of %d pictures for a device's batch of %d.", chosen, share)
    elif chosen > share:
        chosen = share
    elif share % chosen:
        raise ConfigError(
            f"train.micro_batch_size must divide a device's share of the batch, {share}. "
            f"Received: {chosen}."
        )
    return chosen
