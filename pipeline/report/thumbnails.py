"""Small pictures for a page, out of the examples that the ingest wrote."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator

import tensorflow as tf
from PIL import Image

from components import features

# Twice what a page shows, for fine screens.
_EDGE = 144
_QUALITY = 62


def find(examples: str, wanted: Collection[str], split: str = "eval") -> dict[str, str]:
    """Thumbnails of pictures of a split, as `data:` URLs by the pictures' names.

    Args:
        examples: the ingest's artifact.
        wanted: the names.
        split: theirs.
    """
    found: dict[str, str] = {}
    if not wanted:
        return found
    for example in _read(examples, split):
        name = _text(example, features.FILENAME)
        if name in wanted:
            found[name] = thumbnail(_bytes(example, features.IMAGE))
            if len(found) == len(wanted):
                break
    return found


def names(
    examples: str, split: str, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Names of pictures of a split by the digests of their pixels and their labels."""
    found: dict[tuple[str, str], str] = {}
    if not wanted:
        return found
    for example in _read(examples, split):
        key = (_text(example, features.SHA256), _text(example, features.LABEL))
        if key in wanted:
            found[key] = _text(example, features.FILENAME)
            if len(found) == len(wanted):
                break
    return found


def samples(examples: str, classes: Collection[str]) -> dict[str, tuple[str, str]]:
    """A training picture of each class: class -> (name, thumbnail)."""
    found: dict[str, tuple[str, str]] = {}
    for example in _read(examples, "train"):
        label = _text(example, features.LABEL)
        if label in classes and label not in found:
            image = thumbnail(_bytes(example, features.IMAGE))
            found[label] = (_text(example, features.FILENAME), image)
            if len(found) == len(classes):
                break
    return found


def _read(examples: str, split: str) -> Iterator[tf.train.Example]:
    pattern = tf.io.gfile.join(examples, f"Split-{split}", "*")
    for record in tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(pattern)), "GZIP"):
        yield tf.train.Example.FromString(record.numpy())


def _bytes(example: tf.train.Example, name: str) -> bytes:
    value: bytes = example.features.feature[name].bytes_list.value[0]
    return value


def _text(example: tf.train.Example, name: str) -> str:
    return _bytes(example, name).decode("utf-8", "backslashreplace")


def thumbnail(data: bytes) -> str:
    """A picture as a `data:` URL; its bytes are upright and can be decoded, as the ingest's are."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (_EDGE, _EDGE))
        small = image.convert("RGB")
    small.thumbnail((_EDGE, _EDGE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
