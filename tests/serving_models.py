"""A tiny model with the signatures of this project's exports, for tests that serve one."""

import shutil
from pathlib import Path


def save_mean_colour(folder: Path) -> Path:
    """Writes a SavedModel whose scores are the mean red, green and blue of a picture, in [0, 1]."""
    import tensorflow as tf

    from bitpipe.model.signature import SERVING
    from components.training import served_signatures

    class MeanColour(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
        def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            scores = tf.map_fn(self._mean, image, fn_output_signature=tf.TensorSpec([3]))
            labels = tf.constant(["red", "green", "blue"])
            return {
                "scores": scores,
                "labels": tf.tile(labels[None], [tf.shape(image)[0], 1]),
                "label": tf.gather(labels, tf.argmax(scores, axis=1)),
            }

        def _mean(self, image: tf.Tensor) -> tf.Tensor:
            pixels = tf.io.decode_image(image, channels=3, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32) / 255.0, axis=[0, 1])

    module = MeanColour()
    signatures = {SERVING: module.serve, **served_signatures.derived(module.serve)}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    served_signatures.name_methods(str(folder))
    return folder


def push(saved_model: Path, folder: Path, version: int) -> Path:
    """Puts a model into a folder as a version, the way Pusher does it: whole, by a rename."""
    temporary = folder / f".tmp-{version}"
    shutil.copytree(saved_model, temporary)
    return temporary.rename(folder / str(version))
