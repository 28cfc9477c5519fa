"""Checkpoints of a training run: a killed one goes on where it was, and ends the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import keras
import msgspec
import tensorflow as tf


def folder(root: str, *identity: object) -> str:
    """The folder for a run of this identity: anything that msgspec can write as JSON.

    A run with other data or settings finds another folder, and so never another run's weights.
    """
    digest = hashlib.sha256(msgspec.json.encode(identity, order="deterministic"))
    return f"{root.rstrip('/')}/{digest.hexdigest()[:16]}"


class Checkpoints:
    """Weights, optimiser and step of one run; the newest one is kept.

    Args:
        path: a folder, made on the first save.
        model: whose variables are saved and restored.
        optimizer: built.
        every: steps between two checkpoints.
        write: False for all workers but one.
    """

    def __init__(
        self,
        path: str,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        every: int,
        write: bool = True,
    ) -> None:
        self._path = path
        self._every = every
        self._write = write
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        # The variables of TensorFlow: Keras' wrappers have no stable place in an object graph.
        checkpoint = tf.train.Checkpoint(
            step=self._step, model=_values(model.variables), optimizer=_values(optimizer.variables)
        )
        self._manager = tf.train.CheckpointManager(checkpoint, path, max_to_keep=1)

    def restore(self) -> int:
        """Loads the newest checkpoint; returns the steps it has behind it, 0 without one."""
        self._manager.restore_or_initialize()
        return int(self._step)

    def after(self, step: int) -> None:
        """Saves if `step` steps, counted from 1, complete an interval."""
        if step % self._every == 0 and self._write:
            self._step.assign(step)
            self._manager.save(step)

    def discard(self) -> None:
        """Removes the folder: the run is finished and its model written."""
        if self._write and tf.io.gfile.exists(self._path):
            tf.io.gfile.rmtree(self._path)


def _values(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    return [variable.value for variable in variables]
