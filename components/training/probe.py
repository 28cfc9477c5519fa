"""A linear head on frozen features: what takes a network hours takes this seconds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from components.bit import resnet_v2
from components.bit.hyperrule import REFERENCE_BATCH_SIZE, HyperRule
from components.bit.momentum import MomentumSGD
from components.bit.schedule import WarmupStaircase
from components.training import loop, pace
from components.training.step import TrainingStep

# At the rule's batch of 512, on standardised features. tf_flowers under an unfinished bit-mini at
# 128 px, 5 classes: 0.663; L-BFGS to the end 0.656; the network's own 0.003 on raw features 0.574
# (2026-11-26).
BASE_LEARNING_RATE = 0.01
# A feature that hardly ever changes would be blown up where it does.
_LEAST_SPREAD = 1e-6
# A larger batch is measured by so many pictures of it.
MOST_MEASURED = 4096


@dataclasses.dataclass(frozen=True)
class Head:
    """A linear classifier of features.

    Attributes:
        kernel: (C, classes) float32.
        bias: (classes,) float32.
    """

    kernel: np.ndarray
    bias: np.ndarray


@dataclasses.dataclass(frozen=True)
class Examples:
    """Pictures as a frozen network sees them.

    Attributes:
        values: (N, views, C) float32; the views of a picture are itself and its mirror image.
        labels: (N,) index of the class.
        digests: of the pictures' pixels; empty where nobody asks for them.
    """

    values: np.ndarray
    labels: np.ndarray
    digests: tuple[bytes, ...] = ()


def rule_for(rule: HyperRule, *, rate_is_given: bool) -> HyperRule:
    """The rule for a head: its own rate where none is given; features cannot be mixed up."""
    rate = rule.learning_rate
    if not rate_is_given:
        rate = BASE_LEARNING_RATE * rule.batch_size / REFERENCE_BATCH_SIZE
    return dataclasses.replace(rule, learning_rate=rate, mixup_alpha=0.0)


def fit(
    examples: Examples,
    num_classes: int,
    rule: HyperRule,
    *,
    seed: int,
    start: Head | None = None,
    class_weights: np.ndarray | None = None,
    watch: Callable[[int, Callable[[], Head]], bool] = lambda *_: False,
    record: loop.Record = loop.nowhere,
    log_dir: str | None = None,
) -> Head:
    """Trains a head on standardised features as `fine_tune` trains a network.

    SGD with momentum 0.9 on the rule's schedule and softmax cross-entropy. It is fine-tuning with
    the backbone frozen and, between features and head, a fixed layer that standardises; that layer
    is folded into what is returned.

    Args:
        examples: to train on.
        num_classes: outputs of the head.
        rule: steps, batch size and learning rate, of `rule_for`.
        seed: of the order of pictures and views.
        start: the head to begin with, of features as they are; `None` for zeros.
        class_weights: (classes,) what a picture of each class counts.
        watch: is told the finished steps and how to have the head of that moment; True ends it.
        record: see `loop.train`.
        log_dir: where TensorBoard finds the curves.

    Raises:
        TrainingError: the loss stopped being a finite number.
    """
    mean, spread = standard(examples.values)
    values = (examples.values - mean) / spread
    head = _zeros(values.shape[-1], num_classes)
    if start is not None:
        head.set_weights([start.kernel * spread[:, None], start.bias + mean @ start.kernel])
    optimizer = MomentumSGD(WarmupStaircase.from_rule(rule))
    optimizer.build(head.trainable_variables)

    def folded() -> Head:
        kernel, bias = (np.asarray(variable) for variable in head.get_weights())
        kernel = kernel / spread[:, None]
        return Head(kernel, bias - mean @ kernel)

    loop.train(
        TrainingStep(head, optimizer, class_weights=class_weights),
        _batches(values, examples.labels, num_classes, rule.batch_size, seed),
        rule,
        after_step=lambda done: watch(done, folded),
        record=record,
        log_dir=log_dir,
    )
    return folded()


@functools.cache
def seconds_per_step(width: int, num_classes: int, batch_size: int) -> float:
    """How long a step of `fit` takes here; measured once a process.

    Args:
        width: of the features.
        num_classes: outputs of the head.
        batch_size: pictures.
    """
    head = _zeros(width, num_classes)
    optimizer = MomentumSGD(0.0)
    optimizer.build(head.trainable_variables)
    step = TrainingStep(head, optimizer)
    count = min(batch_size, MOST_MEASURED)
    values, labels = np.zeros((count, 1, width), np.float32), np.zeros(count, np.int64)
    batches = _batches(values, labels, num_classes, count, seed=0)
    return pace.seconds(lambda: step(*next(batches)), mean=True) * batch_size / count


def _zeros(width: int, num_classes: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((width,)),
            keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32"),
        ]
    )


def _batches(
    values: np.ndarray, labels: np.ndarray, num_classes: int, batch_size: int, seed: int
) -> Iterator[loop.Batch]:
    """Endless batches, in the order of `order`."""
    one_hot = np.eye(num_classes, dtype=np.float32)
    for rows, views in order(len(values), values.shape[1], batch_size, seed):
        yield tf.constant(values[rows, views]), tf.constant(one_hot[labels[rows]])


def order(num: int, num_views: int, batch_size: int, seed: int) -> Iterator[tuple]:
    """Endless batches of (rows (B,), views (B,)): every picture once a pass, in a random view."""
    random = np.random.default_rng(seed)
    waiting = np.empty(0, np.int64)
    while True:
        passes = -(-max(0, batch_size - len(waiting)) // num)
        waiting = np.concatenate([waiting, *(random.permutation(num) for _ in range(passes))])
        rows, waiting = waiting[:batch_size], waiting[batch_size:]
        yield rows, random.integers(0, num_views, batch_size)


def head_of(model: keras.Model) -> Head:
    """The network's own."""
    return Head(*map(np.asarray, model.get_layer(resnet_v2.HEAD).get_weights()))


def install(model: keras.Model, head: Head) -> None:
    """Gives the network this head in place of its own."""
    model.get_layer(resnet_v2.HEAD).set_weights([head.kernel, head.bias])


def answers(head: Head, values: np.ndarray) -> np.ndarray:
    """Logits (N, classes) of features (N, C)."""
    return values @ head.kernel + head.bias


def standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread (C,) of all views of all pictures."""
    flat = values.reshape(-1, values.shape[-1])
    return flat.mean(axis=0), np.maximum(flat.std(axis=0), _LEAST_SPREAD)
