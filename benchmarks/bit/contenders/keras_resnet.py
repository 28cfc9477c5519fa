"""The yardstick: BiT's network as Keras' own layers suggest it, kernels standardised in the graph.

Modes: "graph", a minimal `tf.function`; "compile", Keras' own training and prediction functions
with their defaults (which leave XLA out where there is only a CPU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task
from components.bit import variants

PACKAGES = ("tensorflow", "keras")


class StdConv2D(keras.layers.Conv2D):
    """Keras' convolution, its kernel standardised at every call."""

    def call(self, inputs: Any) -> Any:
        """Float (B, H, W, C) -> (B, H', W', filters), without bias."""
        mean, variance = ops.moments(self.kernel, axes=(0, 1, 2), keepdims=True)
        return self.convolution_op(inputs, (self.kernel - mean) * ops.rsqrt(variance + 1e-10))


def build(variant: variants.Variant, num_classes: int) -> keras.Model:
    """Float images (B, H, W, 3) in [0, 1] -> logits (B, num_classes).

    Layers are named by their path in the released checkpoints, `/` written as `-`.
    """
    images = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(2.0, offset=-1.0)(images)
    x = keras.layers.ZeroPadding2D(3)(x)
    x = _conv(x, variant.root_channels, 7, 2, "root_block")
    x = keras.layers.ZeroPadding2D(1)(x)
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    for block, filters in enumerate(variant.bottleneck_channels, start=1):
        for unit in range(1, variant.units[block - 1] + 1):
            strides = 2 if unit == 1 and block > 1 else 1
            x = _unit(x, filters, strides, f"block{block}-unit{unit:02d}")
    x = _norm_relu(x, "group_norm")
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, keras.layers.Dense(num_classes, name="head-conv2d")(x))


def _unit(x: Any, filters: int, strides: int, path: str) -> Any:
    activated = _norm_relu(x, f"{path}-a-group_norm")
    shortcut = x
    if strides > 1 or x.shape[-1] != 4 * filters:
        shortcut = _conv(activated, 4 * filters, 1, strides, f"{path}-a-proj")
    x = _conv(activated, filters, 1, 1, f"{path}-a")
    x = keras.layers.ZeroPadding2D(1)(_norm_relu(x, f"{path}-b-group_norm"))
    x = _conv(x, filters, 3, strides, f"{path}-b")
    x = _conv(_norm_relu(x, f"{path}-c-group_norm"), 4 * filters, 1, 1, f"{path}-c")
    return keras.layers.Add()([x, shortcut])


def _conv(x: Any, filters: int, size: int, strides: int, path: str) -> Any:
    return StdConv2D(
        filters, size, strides=strides, use_bias=False, name=f"{path}-standardized_conv2d"
    )(x)


def _norm_relu(x: Any, name: str) -> Any:
    x = keras.layers.GroupNormalization(groups=variants.GROUPS, epsilon=1e-5, name=name)(x)
    return keras.layers.Activation("relu")(x)


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One iteration: the logits (B, classes), or the loss before an update."""
    model = build(variants.get(task.variant), task.num_classes)
    checkpoint = task.checkpoint()
    for variable in model.variables:
        value = checkpoint.pop("resnet/" + variable.path.replace("-", "/"))
        variable.assign(value.reshape(variable.shape))  # the released head is a 1x1 convolution
    assert not checkpoint, f"the network has no place for {sorted(checkpoint)}."
    optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images, labels = tf.constant(task.images()), tf.constant(task.labels())
    if mode == "compile":
        return _by_compile(model, optimizer, loss_of, images, labels, task.training)
    if not task.training:
        infer = tf.function(lambda images: model(images, training=False))
        return lambda: infer(images).numpy()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    return lambda: step(images, labels).numpy()


def _by_compile(
    model: keras.Model, optimizer: Any, loss_of: Any, images: Any, labels: Any, training: bool
) -> Callable[[], np.ndarray]:
    model.compile(optimizer, loss_of)
    if not training:
        return lambda: model.predict_on_batch(images)

    def train() -> np.ndarray:
        model.reset_metrics()  # or the loss would be the mean of all steps
        return np.asarray(model.train_on_batch(images, labels))

    return train
