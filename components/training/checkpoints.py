"""Checkpoints of a training run: a killed one goes on where it was, and ends the same."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from typing import Any

import keras
import msgspec
import tensorflow as tf

from bitpipe.errors import TrainingError

_log = logging.getLogger(__name__)

# The newest one, and one to go back to where that turns out to be damaged.
_KEPT = 2
_NAME = re.compile(r"ckpt-(\d+)(?!\d).*")
_LAST_WRITTEN = ".index"
_READ_AT_ONCE = 16 << 20


def folder(root: str, *identity: object) -> str:
    """The folder for a run of this identity: anything that msgspec can write as JSON.

    A run with other data or settings finds another folder, and so never another run's weights.
    """
    digest = hashlib.sha256(msgspec.json.encode(identity, order="deterministic"))
    return f"{root.rstrip('/')}/{digest.hexdigest()[:16]}"


class Checkpoints:
    """Weights, optimiser and step of one run; the newest two are kept.

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
        self._checkpoint = tf.train.Checkpoint(
            step=self._step, model=_values(model.variables), optimizer=_values(optimizer.variables)
        )

    def restore(self) -> int:
        """Loads the newest checkpoint that is whole; returns the steps it has behind it, else 0.

        Looks at the files themselves. TensorFlow's CheckpointManager keeps a list beside them,
        which may be what a kill or a full disk has cut, and refuses to start then.

        Raises:
            TrainingError: see `is_whole`.
        """
        if step := newest(self._path):
            self._checkpoint.read(_prefix(self._path, step))
            return int(self._step)
        return 0

    def after(self, step: int, *, last: bool = False) -> bool:
        """Saves if `step` steps, counted from 1, complete an interval, and after the last one.

        Returns:
            Whether that is so.
        """
        if step % self._every and not last:
            return False
        if self._write:
            self._step.assign(step)
            self._checkpoint.write(_prefix(self._path, step))
            self._delete_older(step)
        return True

    def discard(self) -> None:
        """Removes the folder: the run is finished and its model written."""
        if self._write and tf.io.gfile.exists(self._path):
            tf.io.gfile.rmtree(self._path)

    def _delete_older(self, newest: int) -> None:
        files = _files(self._path)
        kept = sorted({step for step, _ in files if step <= newest})[-_KEPT:]
        for step, name in files:
            if step not in kept:
                path = f"{self._path}/{name}"
                remove = tf.io.gfile.rmtree if tf.io.gfile.isdir(path) else tf.io.gfile.remove
                remove(path)


def newest(path: str) -> int:
    """Steps behind the newest checkpoint in a folder that is whole; 0 where there is none."""
    finished = {step for step, name in _files(path) if name.endswith(_LAST_WRITTEN)}
    for step in sorted(finished, reverse=True):
        prefix = _prefix(path, step)
        if is_whole(prefix):
            return step
        _log.warning("The checkpoint %s is damaged: going back to the one before.", prefix)
    return 0


def is_whole(prefix: str) -> bool:
    """Whether all of it makes sense. Restoring would stop in between, with half of it assigned.

    Raises:
        TrainingError: its files cannot be read, which says nothing of what is in them. Taken for
            damaged, they would be removed by the checkpoints of a run that goes on without.
    """
    fault = _fault(prefix)
    if fault is not None:
        _require_readable(prefix)
        fault = _fault(prefix)  # it may have been the connection
    if fault is not None:
        _log.info("%s: %s", prefix, fault)
    return fault is None


def _fault(prefix: str) -> Exception | None:
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)  # which compares its checksum
    # A cut file makes TensorFlow raise whatever it leads to, and a lost connection the same.
    except Exception as error:
        return error
    return None


def _require_readable(prefix: str) -> None:
    try:
        for path in tf.io.gfile.glob(f"{prefix}.*"):
            with tf.io.gfile.GFile(path, "rb") as file:
                while file.read(_READ_AT_ONCE):
                    pass
    except tf.errors.NotFoundError:  # a part is gone
        return
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", error)
        raise TrainingError(
            f"the checkpoint {prefix} cannot be read now ({reason}). Start the run again once it "
            "can, to go on from there, or remove it to start from the beginning."
        ) from error


def _prefix(path: str, step: int) -> str:
    return f"{path}/ckpt-{step}"


def _files(path: str) -> list[tuple[int, str]]:
    """The steps of all files of checkpoints in a folder, finished or not, and their names."""
    if not tf.io.gfile.exists(path):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(path)]
    return [(int(match[1]), name) for name in names if (match := _NAME.fullmatch(name))]


def _values(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    return [variable.value for variable in variables]


def write_json(folder: str, name: str, value: Any) -> None:
    """Writes what belongs to a run beside its checkpoints, completely or not at all.

    Args:
        folder: of the checkpoints; made where it is not there.
        name: of the file.
        value: what JSON can say.
    """
    path = f"{folder}/{name}"
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(f"{path}.tmp", "w") as file:
        file.write(json.dumps(value))
    tf.io.gfile.rename(f"{path}.tmp", path, overwrite=True)
