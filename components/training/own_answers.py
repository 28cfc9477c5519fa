"""What the trained network answers before it is exported, on a few pictures it was not trained on.

Kept for the serving check (`bitpipe.model.reference`); nothing here has a say in the training.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

import tensorflow as tf

from bitpipe.model import reference, signature
from components import features
from components.training.served_model import ServedModel

# The first ones of the evaluation split, which is in the order of hashes. As many requests tell a
# median, and take a server a second where the network is small.
PICTURES = 16

_SPEC = {
    name: tf.io.FixedLenFeature([], tf.string)
    for name in (features.IMAGE, features.FILENAME, features.SHA256)
}


def pictures(files: Sequence[str], most: int = PICTURES) -> Iterator[tuple[str, str, bytes]]:
    """Name, digest of the pixels and encoded bytes of the first pictures of a split.

    Args:
        files: its gzipped TFRecords; they are read in the order of their names.
        most: how many pictures, at most.
    """
    if not files:
        return
    records = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP").take(most)
    for record in records.as_numpy_iterator():
        found = tf.io.parse_single_example(record, _SPEC)
        yield (
            found[features.FILENAME].numpy().decode(),
            found[features.SHA256].numpy().decode(),
            found[features.IMAGE].numpy(),
        )


def ask(served: ServedModel, files: Sequence[str]) -> reference.Reference:
    """Asks the model in memory, as it is about to be exported.

    Args:
        served: with the weights that are exported.
        files: gzipped TFRecords of the evaluation split.
    """
    labels = tuple(name.decode() for name in served.class_names.numpy())
    shown = list(pictures(files))
    if not shown:
        return reference.Reference(labels, ())
    scores = served.classify(tf.constant([data for *_, data in shown]))[signature.SCORES].numpy()
    return reference.Reference(
        labels,
        tuple(
            reference.Answer(name, sha256, tuple(row))
            for (name, sha256, _), row in zip(shown, scores.tolist(), strict=True)
        ),
    )


def write(folder: str, said: reference.Reference) -> None:
    """Writes them into a folder, wherever TensorFlow can write."""
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(posixpath.join(folder, reference.FILE), "w") as file:
        file.write(said.to_json())
