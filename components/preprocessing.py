"""TensorFlow Transform's preprocessing: decode, resize, label vocabulary.

The graph made here travels inside the exported model, so serving and evaluation decode and resize
with the very operations that training used. What is random (crop, flip, MixUp) lives in
`augment.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.pictures.scaling import LEAST_SHORTER
from components import decoding, features

# Outputs of the transform graph. Float pictures are in [0, 1], the range of the TF Hub BiT modules.
TRAIN_IMAGE = "train_image"  # (B, resize, resize, 3), to be cropped at random to `crop`
EVAL_IMAGE = "eval_image"  # (B, eval_size, eval_size, 3): the reference has no crop here, either
LABEL = "label_index"  # (B,) int64; -1 for a class that training has not seen

VOCABULARY = "labels"


def preprocessing_fn(
    inputs: Mapping[str, tf.Tensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Transforms a batch of ingested examples.

    Args:
        inputs: `image` and `label`, string tensors (B, 1) or (B,).
        custom_config: `resize` and `eval_size` in pixels, from the HyperRule stage, and the
            `longest_side` to which the ingest scaled its pictures down, 0 for none.
    """
    longest_side = int(custom_config.get("longest_side", 0))
    images = tf.reshape(inputs[features.IMAGE], [-1])
    labels = tf.reshape(inputs[features.LABEL], [-1])
    return {
        TRAIN_IMAGE: decode_batch(images, int(custom_config["resize"]), longest_side),
        EVAL_IMAGE: decode_batch(images, int(custom_config["eval_size"]), longest_side),
        LABEL: tft.compute_and_apply_vocabulary(
            labels, vocab_filename=VOCABULARY, default_value=-1, num_oov_buckets=0
        ),
    }


def decode_batch(images: tf.Tensor, size: int, longest_side: int = 0) -> tf.Tensor:
    """Encoded pictures (B,) string -> (B, size, size, 3) float32 in [0, 1].

    What is transparent is shown on white. Bilinear without antialiasing, as the reference's
    `tf.image.resize`, but for pictures beyond `longest_side`, which are first scaled down to it as
    the ingest does (`bitpipe.pictures.scaling`).
    """
    spec = tf.TensorSpec([size, size, 3], tf.float32)
    # Decoding has no GPU kernel; without the pin a GPU host copies every picture twice.
    with tf.device("/cpu:0"):
        return tf.map_fn(
            lambda data: _decode(data, size, longest_side), images, fn_output_signature=spec
        )


def _decode(data: tf.Tensor, size: int, longest_side: int) -> tf.Tensor:
    pixels = decoding.decode(data)
    if longest_side:
        pixels = _scaled(pixels, longest_side)
    return tf.image.resize(pixels, [size, size]) / 255.0


def _scaled(pixels: tf.Tensor, longest_side: int) -> tf.Tensor:
    """(H, W, 3) uint8, no larger than `bitpipe.pictures.scaling.scaled_size` says."""
    sides = tf.cast(tf.shape(pixels)[:2], tf.float32)
    factor = tf.maximum(
        longest_side / tf.reduce_max(sides), LEAST_SHORTER * longest_side / tf.reduce_min(sides)
    )

    def smaller() -> tf.Tensor:
        target = tf.cast(tf.round(sides * factor), tf.int32)
        levels = tf.round(tf.image.resize(pixels, target, antialias=True))
        return tf.saturate_cast(levels, tf.uint8)

    return tf.cond(factor < 1, smaller, lambda: pixels)
