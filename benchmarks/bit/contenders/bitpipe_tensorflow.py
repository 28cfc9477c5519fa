"""Ours on TensorFlow: the network and the training step that the Trainer uses.

Modes: "graph", and for inference "folded", kernels standardised once; "served" and
"served-bfloat16", the network as an exported model answers with it, written to a SavedModel and
loaded again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task
from components.bit import resnet_v2, weights
from components.training import served_precision
from components.training.step import TrainingStep

PACKAGES = ("tensorflow", "keras")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One iteration: the logits (B, classes), or the loss before an update."""
    model = resnet_v2.build(task.variant, num_classes=task.num_classes)
    weights.load(model, task.checkpoint_path, head=True)
    images = tf.constant(task.images())
    if mode.startswith("served"):
        answers = _served(model, task, mode)
        return lambda: answers(images).numpy()
    if not task.training:
        network = resnet_v2.fold(model) if mode == "folded" else model
        infer = tf.function(lambda images: network(images, training=False))
        return lambda: infer(images).numpy()
    optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)
    step = TrainingStep(model, optimizer)
    labels = tf.one_hot(task.labels(), task.num_classes)
    return lambda: step(images, labels)[0].numpy()


def _served(model: keras.Model, task: Task, mode: str) -> Callable[[tf.Tensor], tf.Tensor]:
    precision = mode.partition("-")[2] or served_precision.FLOAT32
    folded = resnet_v2.fold(model, one_pass=True)
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in folded.variables]
    module.answer = tf.function(
        served_precision.network(folded, precision),
        input_signature=[tf.TensorSpec([None, task.image_size, task.image_size, 3], tf.float32)],
    )
    path = str(Path(task.folder) / f"{task.variant}-{task.image_size}-{precision}")
    tf.saved_model.save(module, path, signatures={"answer": module.answer})
    loaded = tf.saved_model.load(path)

    def answers(images: tf.Tensor) -> tf.Tensor:
        # All of it is held: the signature does not keep the variables alive.
        [logits] = loaded.signatures["answer"](images).values()
        return logits

    return answers
