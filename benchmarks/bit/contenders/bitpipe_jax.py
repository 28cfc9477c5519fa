"""Ours on JAX: the same network, a pure compiled training step, for accelerators.

Runs with KERAS_BACKEND=jax on JAX's default device. One mode, "jit".
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from benchmarks.bit.task import LEARNING_RATE, MOMENTUM, Task
from components.bit import resnet_v2, weights

PACKAGES = ("jax", "keras")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One training step, which returns the loss before its update."""
    del mode
    assert task.training
    assert keras.backend.backend() == "jax", "the worker needs KERAS_BACKEND=jax"
    dtype = "mixed_bfloat16" if task.bfloat16 else "float32"
    model = resnet_v2.build(task.variant, num_classes=task.num_classes, dtype=dtype)
    weights.load(model, task.checkpoint_path, head=True)
    optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)

    def loss_of(trainable: list[Any], images: Any, labels: Any) -> Any:
        logits, _ = model.stateless_call(trainable, [], images, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return keras.ops.mean(losses)

    # Old weights and momenta give their memory to the new ones.
    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(trainable: list[Any], state: list[Any], images: Any, labels: Any) -> tuple[Any, ...]:
        loss, gradients = jax.value_and_grad(loss_of)(trainable, images, labels)
        return loss, *optimizer.stateless_apply(state, gradients, trainable)

    held = [
        [variable.value for variable in variables]
        for variables in (model.trainable_variables, optimizer.variables)
    ]
    images, labels = (jax.device_put(array) for array in (task.images(), task.labels()))

    def train() -> np.ndarray:
        loss, *held[:] = step(*held, images, labels)
        return np.asarray(loss)  # waits for the device

    return train
