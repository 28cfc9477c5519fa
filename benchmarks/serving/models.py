"""The models under load, as SavedModels: `python -m benchmarks.serving.models NAME FOLDER`.

A process of its own writes them, so that the one which makes the load never loads TensorFlow.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bitpipe import frameworks
from bitpipe.model import signature

BIT, TINY, SMALL_BIT = "r50x1", "tiny", "r14x05"
TITLES = {BIT: "R50x1 at 128 px", TINY: "a tiny model", SMALL_BIT: "R14x0.5 at 32 px"}
CLASSES = tuple(f"class {number}" for number in range(10))
SEED = 0


def write_tiny(folder: Path) -> None:
    """A model that costs next to nothing: scores are a picture's mean red, green and blue."""
    import tensorflow as tf

    def mean(data: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
        return tf.reduce_mean(tf.cast(pixels, tf.float32) / 255.0, axis=[0, 1])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=signature.IMAGE)])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.map_fn(mean, image, fn_output_signature=tf.TensorSpec([3]))
        labels = tf.constant(["red", "green", "blue"])
        return {
            signature.SCORES: scores,
            signature.LABELS: tf.tile(labels[None], [tf.shape(image)[0], 1]),
            signature.LABEL: tf.gather(labels, tf.argmax(scores, axis=1)),
        }

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures={signature.SERVING: serve})


def write_bit(folder: Path, *, variant: str, size: int) -> None:
    """A BiT network with random weights, exported as the Trainer does: Transform's graph included.

    Args:
        folder: to be made.
        variant: a name from `components.bit.variants`.
        size: to which Transform's graph resizes pictures, in pixels.
    """
    import keras
    import numpy as np
    import tensorflow_transform as tft

    from benchmarks.bit import task
    from components.bit import resnet_v2, variants, weights
    from components.training import served_model

    with tempfile.TemporaryDirectory(prefix="bitpipe-benchmark-") as temporary:
        keras.utils.set_random_seed(SEED)
        model = resnet_v2.build(variant, num_classes=len(CLASSES))
        checkpoint = Path(temporary) / "weights.npz"
        arrays = task.random_checkpoint(
            variants.get(variant), len(CLASSES), np.random.default_rng(SEED)
        )
        np.savez(checkpoint, **arrays)
        weights.load(model, checkpoint, head=True)
        transform = Path(temporary) / "transform"
        _write_transform(transform, size)
        served = served_model.ServedModel(model, tft.TFTransformOutput(str(transform)), CLASSES)
        served_model.export(served, str(folder))


def _write_transform(folder: Path, size: int) -> None:
    """The output of the Transform stage on one picture of each class."""
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    from benchmarks.serving import pictures
    from components import features, preprocessing

    rows = [
        {features.IMAGE: [pictures.encode(number)], features.LABEL: [name.encode()]}
        for number, name in enumerate(CLASSES)
    ]
    spec = {name: tf.io.FixedLenFeature([1], tf.string) for name in rows[0]}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    preprocess = functools.partial(
        preprocessing.preprocessing_fn, custom_config={"resize": size, "eval_size": size}
    )
    with tft_beam.Context(temp_dir=str(folder.parent / "beam")):
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(preprocess)
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder))


_WRITERS: dict[str, Callable[[Path], None]] = {
    BIT: functools.partial(write_bit, variant="R50x1", size=128),
    SMALL_BIT: functools.partial(write_bit, variant="R14x0.5", size=32),
    TINY: write_tiny,
}


def write(name: str, folder: Path) -> None:
    """Writes the model of this name into `folder`, which must not exist."""
    _WRITERS[name](folder)


if __name__ == "__main__":
    frameworks.log_errors()
    write(sys.argv[1], Path(sys.argv[2]))
