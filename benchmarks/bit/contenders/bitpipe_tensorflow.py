"""Ours on TensorFlow: the network and the training step that the Trainer uses.

Modes: "graph", and for inference "folded", as exported models are.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task
from components.bit import resnet_v2, weights
from components.training.step import TrainingStep

PACKAGES = ("tensorflow", "keras")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One iteration: the logits (B, classes), or the loss before an update."""
    model = resnet_v2.build(task.variant, num_classes=task.num_classes)
    weights.load(model, task.checkpoint_path, head=True)
    images = tf.constant(task.images())
    if not task.training:
        network = resnet_v2.fold(model) if mode == "folded" else model
        infer = tf.function(lambda images: network(images, training=False))
        return lambda: infer(images).numpy()
    optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)
    step = TrainingStep(model, optimizer)
    labels = tf.one_hot(task.labels(), task.num_classes)
    return lambda: step(images, labels)[0].numpy()
