"""The class names that an exported model carries."""

from __future__ import annotations

import io
from typing import Any

import tensorflow as tf
from PIL import Image

from bitpipe.model.signature import IMAGE, LABELS, SERVING


def of(path: str) -> tuple[str, ...]:
    """Asks the model itself, so that a damaged one is found out.

    Args:
        path: its SavedModel, wherever TensorFlow can read.

    Returns:
        Names in the order of the scores.

    Raises:
        Exception: of many kinds, when the model is damaged.
    """
    # Kept alive: its signature does not keep the variables.
    return of_loaded(tf.saved_model.load(path))


def of_loaded(module: Any) -> tuple[str, ...]:
    """The same of a SavedModel that is loaded already."""
    blank = io.BytesIO()
    Image.new("RGB", (8, 8)).save(blank, "PNG")
    answer = module.signatures[SERVING](**{IMAGE: tf.constant([blank.getvalue()])})
    return tuple(name.decode() for name in answer[LABELS].numpy()[0])
