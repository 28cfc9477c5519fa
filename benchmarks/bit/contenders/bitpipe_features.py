"""What a probe does once with every picture: decode, resize, features of it and its mirror image.

The mode is a folder of pictures, of which each iteration takes `task.batch`.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.bit.task import Task, Unavailable
from components import preprocessing
from components.bit import resnet_v2, weights
from components.training import features

PACKAGES = ("tensorflow", "keras")


def prepare(task: Task, mode: str) -> Callable[[], np.ndarray]:
    """One iteration: features (batch, 2, C)."""
    files = sorted(path for path in Path(mode).rglob("*") if path.suffix in (".jpg", ".jpeg"))
    if len(files) < task.batch:
        raise Unavailable(f"{mode} holds {len(files)} JPEG files, {task.batch} are needed")
    # Spread over the classes; the same ones for all.
    encoded = [path.read_bytes() for path in files[:: len(files) // task.batch]][: task.batch]
    digests = [hashlib.sha256(data).digest() for data in encoded]
    model = resnet_v2.build(task.variant)
    weights.load(model, task.checkpoint_path, progress=False)
    network = features.network(model)
    del model
    forward = tf.function(lambda pictures: network(pictures, training=False))
    decode = tf.function(lambda data: preprocessing.decode_batch(data, task.image_size))
    folder = tempfile.mkdtemp(dir=task.folder)
    numbers = itertools.count()

    def iteration() -> np.ndarray:
        pictures = [(digests, decode(tf.constant(encoded)))]
        kept = features.Kept(folder, str(next(numbers)))
        found = features.compute(pictures, forward, kept, mirrored=True)
        return np.stack([found[digest] for digest in digests])

    return iteration
