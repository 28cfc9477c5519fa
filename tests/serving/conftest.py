"""A tiny model with the signature of this project's exports, and servers that answer with it."""

import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from serving.server import ModelServer
from serving.server.options import Options


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel whose scores are the mean red, green and blue of a picture, in [0, 1]."""
    import tensorflow as tf

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

    folder = tmp_path_factory.mktemp("saved_model")
    module = MeanColour()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


@pytest.fixture(scope="session")
def push(saved_model: Path) -> Callable[[Path, int], Path]:
    """Puts the model into a folder as a version, the way Pusher does it: whole, by a rename."""

    def push_version(folder: Path, version: int) -> Path:
        temporary = folder / f".tmp-{version}"
        shutil.copytree(saved_model, temporary)
        return temporary.rename(folder / str(version))

    return push_version


@pytest.fixture(scope="module")
def server(
    push: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """A server of the model "colours" in versions 3 and 20, on a free port."""
    models = tmp_path_factory.mktemp("models")
    for version in (3, 20):
        push(models / "colours", version)
    with ModelServer(models, "colours", port=0, options=Options(poll_interval_s=0.05)) as server:
        yield server


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encodes a picture of one colour."""

    def encode_picture(colour: str, size: tuple[int, int] = (8, 6), form: str = "PNG") -> bytes:
        buffer = BytesIO()
        Image.new("RGB", size, colour).save(buffer, form)
        return buffer.getvalue()

    return encode_picture
