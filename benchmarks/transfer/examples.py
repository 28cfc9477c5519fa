"""The pictures that are learned from, split and prepared as a run of the pipeline would do it."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import tensorflow as tf

from benchmarks.kit.project import BenchmarkError
from benchmarks.transfer.datasets import DataSet
from bitpipe.pictures.limits import MAX_PIXELS
from components import features, preprocessing
from components.image_example_gen import repeats, shard, sides
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.sources import given_splits, registry
from components.training import selection
from pipeline import digits

# As of the shipped configurations.
_BUCKETS = {"train": 80, "eval": 20}
_CLASSES = "classes.json"


class Prepared:
    """Stands in for the Transform stage: the same function, without an analysis on Beam.

    It has of `tft.TFTransformOutput` what training asks for.

    Args:
        class_names: in the order of the vocabulary.
        resize: side in pixels of the pictures for training.
        crop: side in pixels of those that the served network sees.
    """

    def __init__(self, class_names: list[str], resize: int, crop: int) -> None:
        self.class_names = class_names
        self._resize = resize
        self._crop = crop

    def vocabulary_by_name(self, _: str) -> list[bytes]:
        """The classes."""
        return [name.encode() for name in self.class_names]

    def vocabulary_size_by_name(self, _: str) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def transform_features_layer(self) -> Callable[[Mapping[str, tf.Tensor]], dict]:
        """Encoded pictures (B, 1) and labels (B, 1) -> what `preprocessing_fn` makes of them."""
        names = tf.constant(self.class_names)

        def apply(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            images = tf.reshape(inputs[features.IMAGE], [-1])
            same = tf.equal(tf.reshape(inputs[features.LABEL], [-1, 1]), names[tf.newaxis])
            return {
                preprocessing.TRAIN_IMAGE: preprocessing.decode_batch(images, self._resize),
                preprocessing.EVAL_IMAGE: preprocessing.decode_batch(images, self._crop),
                preprocessing.LABEL: tf.argmax(tf.cast(same, tf.int32), axis=1),
            }

        return apply


@dataclasses.dataclass(frozen=True)
class Examples:
    """An ingested data set.

    Attributes:
        train: gzipped TFRecords that are learned from.
        judged: those that are judged by.
        class_names: most frequent first, as the vocabulary of the Transform stage has them.
    """

    train: list[str]
    judged: list[str]
    class_names: list[str]


def ingest(data: DataSet, source: Path, folder: Path) -> Examples:
    """Writes examples as ImageExampleGen does, unless they are there.

    Args:
        data: what is wanted.
        source: the folder of the archives.
        folder: the cache.

    Raises:
        BenchmarkError: the archive is not there.
    """
    place = folder / "examples" / data.name
    if not (place / _CLASSES).exists():
        if data.file and not (source / data.file).exists():
            raise BenchmarkError(
                f"DATA must be a folder with {data.file}. Received: {source}. Name another folder, "
                f"or leave {data.name} out with --only."
            )
        _write(str(source / data.file if data.file else digits.write(folder)[0]), place)
    return Examples(
        train=sorted(map(str, place.glob("train/*.gz"))),
        judged=sorted(map(str, place.glob("eval/*.gz"))),
        class_names=json.loads((place / _CLASSES).read_text()),
    )


def _write(source: str, place: Path) -> None:
    listing = registry.list_pictures(source)
    pictures = list(listing.pictures)
    if any(one.split == given_splits.TEST for one in pictures):
        # A test split that the data bring is what others are compared by, and all else is learned
        # from; the pipeline would not read it, and judge by a part of the rest.
        pictures = [
            msgspec.structs.replace(
                one, split="eval" if one.split == given_splits.TEST else "train"
            )
            for one in pictures
        ]
    folders = {split: str(place / split) for split in _BUCKETS}
    outcome_folder = str(place / "unfinished")
    for one in (*folders.values(), outcome_folder):
        tf.io.gfile.makedirs(one)

    def choose(picture: ListedPicture, digest: str) -> str:
        return picture.split or sides.split_of(digest, _BUCKETS)

    shards = shard.plan(pictures)
    for part in shards:
        shard.write(
            part,
            path=listing.path,
            max_pixels=MAX_PIXELS,
            split_folders=folders,
            choose_split=choose,
            outcome_folder=outcome_folder,
        )
    made = {part.index: list(shard.read_converted(outcome_folder, part)) for part in shards}
    accepted = [one.accepted for of_shard in made.values() for one in of_shard if one.accepted]
    _, left_out = repeats.find(accepted, "drop", "drop")
    kept = [one for one in accepted if one.key not in left_out]
    placed = sides.assign(kept, repeats.near(kept), _BUCKETS, tuple(_BUCKETS)).splits
    for part in shards:
        shard.move(
            part,
            made[part.index],
            placed,
            split_folders=folders,
            outcome_folder=outcome_folder,
        )
    tf.io.gfile.rmtree(outcome_folder)
    counts = collections.Counter(one.label for one in kept if placed[one.key] == "train")
    names = sorted(counts, key=lambda name: (-counts[name], name))
    (place / _CLASSES).write_text(json.dumps(names))


def unused(chosen: selection.Selection, most: int, seed: int) -> selection.Selection:
    """At most `most` records that a few-shot draw has left over, to choose a rate by, held out."""
    left = np.flatnonzero(~np.array(chosen.trained))
    taken = np.random.default_rng(seed).permutation(left)[:most]
    held_out = np.zeros(len(chosen.rows), bool)
    held_out[taken] = True
    return dataclasses.replace(chosen, held_out=tuple(held_out.tolist()))
