"""How a network in training does on the pictures that are held out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from components.training import inputs, memory
from components.training.best import Score, mean_score, score
from components.training.selection import Selection

_MOST_PICTURES_AT_ONCE = 32
# Of the free memory; beyond it pictures are decoded for every look.
_CACHE_MEMORY_SHARE = 0.1


def look(
    model: keras.Model,
    files: Sequence[str],
    transform: tft.TFTransformOutput,
    selection: Selection,
    size: int,
) -> Callable[[], Score]:
    """A look at the held-out pictures, prepared as for the served network, as `model` computes.

    Args:
        model: in training; logits (B, classes).
        files: gzipped TFRecords of the training split.
        transform: the output of the Transform stage.
        selection: of the records in `files`; some are held out.
        size: side in pixels of the served network's pictures.

    Returns:
        Gives cross-entropy and accuracy.
    """
    batch_size = memory.micro_batch_size(
        model, _MOST_PICTURES_AT_ONCE, size, memory.available_bytes()
    )
    pictures = inputs.evaluation_dataset(
        files, transform, batch_size=batch_size, keep=selection.held_out
    )
    needed = selection.num_held_out * size * size * 3 * tf.float32.size
    if needed <= _CACHE_MEMORY_SHARE * memory.host_bytes():
        pictures = pictures.cache()
    answer = tf.function(
        lambda batch: model(batch, training=False),
        input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32)],
    )

    def looked() -> Score:
        return mean_score(
            [
                (*score(answer(batch).numpy(), labels.numpy()), len(labels))
                for batch, labels in pictures
            ]
        )

    return looked
