"""Training batches from ingested TFRecords: transform once, cache, then augment at random.

The random stages are seeded, so a run can be repeated on the same machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import psutil
import tensorflow as tf
import tensorflow_transform as tft

from components import features, preprocessing
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import augment, memory

_WORKERS = os.cpu_count() or 1
_PREFETCHED_BATCHES = 2

# Pictures per call of the transform graph: amortises the call, keeps memory flat on large
# photographs.
_TRANSFORM_BATCH = 16
# The cache of decoded pictures may take this share of the free memory (of the free disk below).
_CACHE_MEMORY_SHARE = 0.4
_CACHE_DISK_SHARE = 0.5
_SHUFFLE_BUFFER_BYTES = 1 << 30

_RAW_SPEC = {
    features.IMAGE: tf.io.FixedLenFeature([], tf.string),
    features.LABEL: tf.io.FixedLenFeature([], tf.string),
}


def training_dataset(
    files: Sequence[str],
    transform: tft.TFTransformOutput,
    rule: HyperRule,
    settings: TrainSettings,
    *,
    num_examples: int,
    cache_dir: Path,
    start_step: int = 0,
    keep: Sequence[bool] | None = None,
) -> tf.data.Dataset:
    """Endless batches of (images, labels).

    images: (B, crop, crop, 3) float32 in [0, 1]; labels: (B, classes) float32, one-hot or mixed.

    Args:
        files: gzipped TFRecords of the training split.
        transform: the output of the Transform stage.
        rule: sizes, batch size and MixUp.
        settings: label safety and seed.
        num_examples: examples that are used; decides where decoded pictures are cached.
        cache_dir: an existing folder for a cache that does not fit into memory.
        start_step: batches that an earlier, interrupted run has used up; the first one given here
            is the one that it would have seen next.
        keep: which records of the files are used; all for `None`.
    """
    num_classes = transform.vocabulary_size_by_name(preprocessing.VOCABULARY)
    examples = _transformed(_records(files, keep), transform)
    examples = _cached(examples, rule.resize, num_examples, cache_dir)

    picture_bytes = rule.resize * rule.resize * 3
    buffer = max(rule.batch_size, min(num_examples, _SHUFFLE_BUFFER_BYTES // picture_bytes))
    examples = examples.shuffle(buffer, seed=settings.seed).repeat()
    seeds = tf.data.Dataset.random(seed=settings.seed).batch(2)

    def to_pair(example: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor) -> tuple:
        image, label = example
        image = augment.crop_and_flip(image, seed, crop=rule.crop, label_safe=settings.label_safe)
        return tf.cast(image, tf.float32) / 255.0, tf.one_hot(label, num_classes)

    drawn = tf.data.Dataset.zip((examples, seeds)).skip(start_step * rule.batch_size)
    pairs = drawn.map(to_pair, num_parallel_calls=_WORKERS)
    batches = pairs.batch(rule.batch_size, drop_remainder=True)
    if rule.mixup_alpha:
        batch_seeds = tf.data.Dataset.random(seed=settings.seed + 1).batch(2).skip(start_step)
        batches = tf.data.Dataset.zip((batches, batch_seeds)).map(
            lambda batch, seed: augment.mixup(batch[0], batch[1], seed, alpha=rule.mixup_alpha),
            num_parallel_calls=_WORKERS,
        )
    # With autotuning, TF 2.16 takes up to a minute to let go of an iterator: its optimiser sleeps
    # for twice as long each time, and the iterator waits for it to wake up.
    options = tf.data.Options()
    options.autotune.enabled = False
    # Several workers take turns with the batches. By files, some would have none.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(_PREFETCHED_BATCHES).with_options(options)


def evaluation_dataset(
    files: Sequence[str],
    transform: tft.TFTransformOutput,
    *,
    batch_size: int,
    keep: Sequence[bool] | None = None,
) -> tf.data.Dataset:
    """One pass of (pictures, label indices) as the served model sees them, in the files' order.

    pictures: (B, eval_size, eval_size, 3) float32 in [0, 1], of the transform graph's `EVAL_IMAGE`;
    labels: (B,) int64. The last batch may be smaller.
    """
    layer = transform.transform_features_layer()

    def apply(serialised: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw = tf.io.parse_example(serialised, _RAW_SPEC)
        transformed = layer({name: tf.expand_dims(column, 1) for name, column in raw.items()})
        labels = tf.reshape(transformed[preprocessing.LABEL], [-1])
        return transformed[preprocessing.EVAL_IMAGE], labels

    options = tf.data.Options()
    options.autotune.enabled = False  # see above
    return (
        _records(files, keep)
        .batch(min(batch_size, _TRANSFORM_BATCH))
        .map(apply, num_parallel_calls=_WORKERS)
        .unbatch()
        .batch(batch_size)
        .prefetch(1)
        .with_options(options)
    )


def _records(files: Sequence[str], keep: Sequence[bool] | None) -> tf.data.Dataset:
    records = tf.data.TFRecordDataset(list(files), compression_type="GZIP")
    if keep is None:
        return records
    kept = tf.constant(list(keep), tf.bool)
    return records.enumerate().filter(lambda i, _: tf.gather(kept, i)).map(lambda _, record: record)


def _transformed(records: tf.data.Dataset, transform: tft.TFTransformOutput) -> tf.data.Dataset:
    """Serialised examples -> (uint8 picture (resize, resize, 3), label index)."""
    layer = transform.transform_features_layer()

    def apply(serialised: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw = tf.io.parse_example(serialised, _RAW_SPEC)
        # The graph was traced on (B, 1) columns.
        transformed = layer({name: tf.expand_dims(column, 1) for name, column in raw.items()})
        # uint8 makes the cache four times smaller; half a grey level is below JPEG's own noise.
        image = tf.saturate_cast(tf.round(transformed[preprocessing.TRAIN_IMAGE] * 255.0), tf.uint8)
        return image, tf.reshape(transformed[preprocessing.LABEL], [-1])

    return records.batch(_TRANSFORM_BATCH).map(apply, num_parallel_calls=_WORKERS).unbatch()


def _cached(
    examples: tf.data.Dataset, size: int, num_examples: int, cache_dir: Path
) -> tf.data.Dataset:
    """Decodes once: caches in memory where it fits, else on disk, else not at all."""
    needed = num_examples * size * size * 3
    if needed <= _CACHE_MEMORY_SHARE * memory.host_bytes():
        return examples.cache()
    if needed <= _CACHE_DISK_SHARE * psutil.disk_usage(str(cache_dir)).free:
        return examples.cache(str(cache_dir / "decoded"))
    return examples
