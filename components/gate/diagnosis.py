"""Why a model could not be judged: asked only after that has failed, because loading takes time."""

from __future__ import annotations

import posixpath

import tensorflow as tf

from bitpipe.model.layout import SAVED_MODEL
from bitpipe.model.signature import IMAGE, OUTPUTS, SERVING, is_kept
from components.gate import labels

# TensorFlow puts the operation's whole graph into its messages.
_SHOWN_CHARACTERS = 200


def fault(path: str) -> str | None:
    """What is wrong with a SavedModel, in words that follow a colon.

    Args:
        path: of its folder, wherever TensorFlow can read.

    Returns:
        None where it loads, and answers a picture as it must.
    """
    if not tf.io.gfile.exists(posixpath.join(path, SAVED_MODEL)):
        return f"it has no {SAVED_MODEL}"
    try:
        signatures = tf.saved_model.load(path).signatures
    # Damaged files make TensorFlow raise whatever they lead to.
    except Exception as error:
        return f"its files are damaged ({_told(error)})"
    if SERVING not in signatures:
        there = ", ".join(sorted(signatures)) or "none"
        return f"it has no signature {SERVING}; its signatures: {there}"
    asked = signatures[SERVING]
    inputs, outputs = asked.structured_input_signature[1], asked.structured_outputs
    if not is_kept(inputs, outputs):
        return (
            f"its signature {SERVING} takes {', '.join(sorted(inputs))} and returns "
            f"{', '.join(sorted(outputs))}, where it must take {IMAGE} and return "
            f"{' and '.join(OUTPUTS)}"
        )
    try:
        labels.of(path)
    except Exception as error:
        return f"it fails on a picture ({_told(error)})"
    return None


def _told(error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:_SHOWN_CHARACTERS]}".rstrip(".: ")
