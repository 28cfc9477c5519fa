"""SavedModels as sources of weights: read, and run only where they are trusted."""

import re
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import WeightsError
from components.bit import layers, resnet_v2, saved_model, weights
from tests.components.bit import numpy_resnet
from tests.components.bit.checkpoints import (
    CLASSES,
    UNITS,
    VARIANT,
    assert_untouched,
    full_name,
    last_part,
    outputs_of,
    projection_last,
    without_head,
)


def test_a_hub_that_cannot_be_imported_is_told_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)  # importing it raises ImportError
    with pytest.raises(WeightsError, match=r"tensorflow-hub==0\.16\.1 'tf-keras==2\.\d+\.\*'"):
        saved_model.resolve("https://tfhub.dev/google/bit/m-r50x1/1")


class Network(tf.Module):
    """A BiT in plain TensorFlow ops, as another project would have written it.

    `name_of` names its variables; the order of `checkpoint` is the order of their creation.
    """

    def __init__(self, checkpoint, name_of, scale_inside=True, squeeze=True):
        super().__init__()
        self._names = list(checkpoint)
        self.variables_in_order = [
            tf.Variable(value, name=name_of(name)) for name, value in checkpoint.items()
        ]
        self._scale_inside = scale_inside
        self._squeeze = squeeze

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def __call__(self, images):
        value = dict(zip(self._names, self.variables_in_order, strict=True))
        x = images * 2 - 1 if self._scale_inside else images
        x = self._conv(self._pad(x, 3), value["resnet/root_block/standardized_conv2d/kernel"], 2)
        x = tf.nn.max_pool2d(self._pad(x, 1), 3, 2, "VALID")
        for block, units in enumerate(UNITS, start=1):
            for unit in range(1, units + 1):
                path, stride = f"resnet/block{block}/unit{unit:02d}", 2 if block > 1 else 1
                kernel = "standardized_conv2d/kernel"
                o = self._norm_relu(x, value, f"{path}/a")
                shortcut = self._conv(o, value[f"{path}/a/proj/{kernel}"], stride)
                o = self._norm_relu(
                    self._conv(o, value[f"{path}/a/{kernel}"], 1), value, f"{path}/b"
                )
                o = self._conv(self._pad(o, 1), value[f"{path}/b/{kernel}"], stride)
                o = self._norm_relu(o, value, f"{path}/c")
                x = self._conv(o, value[f"{path}/c/{kernel}"], 1) + shortcut
        x = self._norm_relu(x, value, "resnet")
        x = tf.reduce_mean(x, [1, 2], keepdims=True)
        if "resnet/head/conv2d/kernel" in value:
            x = tf.nn.conv2d(x, value["resnet/head/conv2d/kernel"], 1, "VALID")
            x += value["resnet/head/conv2d/bias"]
        return x[:, 0, 0] if self._squeeze else x

    def _pad(self, x, width):
        return tf.pad(x, [[0, 0], [width, width], [width, width], [0, 0]])

    def _conv(self, x, kernel, stride):
        mean, variance = tf.nn.moments(kernel, [0, 1, 2])
        return tf.nn.conv2d(x, (kernel - mean) / tf.sqrt(variance + 1e-10), stride, "VALID")

    def _norm_relu(self, x, value, path):
        shape = tf.shape(x)
        groups = tf.reshape(x, [shape[0], shape[1], shape[2], 32, x.shape[-1] // 32])
        mean, variance = tf.nn.moments(groups, [1, 2, 4], keepdims=True)
        x = tf.reshape((groups - mean) / tf.sqrt(variance + 1e-5), shape)
        return tf.nn.relu(x * value[f"{path}/group_norm/gamma"] + value[f"{path}/group_norm/beta"])


@pytest.mark.parametrize("name_of", [full_name, last_part])
@pytest.mark.parametrize("order", [dict, projection_last])
def test_saved_model_of_features(blank, checkpoint, tmp_path, images, features, name_of, order):
    network = Network(order(without_head(checkpoint)), name_of)
    tf.saved_model.save(network, str(tmp_path))
    weights.load(blank[None], tmp_path, trusted=True)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


@pytest.mark.parametrize("name_of", [full_name, last_part])
def test_saved_model_of_a_classifier(blank, checkpoint, tmp_path, images, logits, name_of):
    tf.saved_model.save(Network(checkpoint, name_of, squeeze=False), str(tmp_path))
    weights.load(blank[CLASSES], tmp_path, head=True, trusted=True)
    np.testing.assert_allclose(outputs_of(blank[CLASSES], images), logits, atol=1e-4)
    weights.load(blank[None], tmp_path, head=False, trusted=True)


def test_saved_model_with_images_from_minus_one_to_one(
    blank, checkpoint, tmp_path, images, features
):
    network = Network(without_head(checkpoint), last_part, scale_inside=False)
    tf.saved_model.save(network, str(tmp_path))
    weights.load(blank[None], tmp_path, trusted=True)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


def test_saved_model_with_a_signature_of_one_size_alone(blank, checkpoint, tmp_path):
    network = Network(without_head(checkpoint), full_name)
    wrapper = tf.Module()
    wrapper.network = network
    fixed = tf.TensorSpec([None, 48, 32, 3], tf.float32, name="input_1")
    signature = tf.function(lambda input_1: {"features": network(input_1)}).get_concrete_function(
        fixed
    )
    tf.saved_model.save(wrapper, str(tmp_path), signatures=signature)
    weights.load(blank[None], tmp_path, trusted=True)


def test_saved_model_that_computes_something_else_is_refused(blank, checkpoint, tmp_path):
    class Halved(Network):
        def _norm_relu(self, x, value, path):
            return super()._norm_relu(x, value, path) / 2

    tf.saved_model.save(Halved(without_head(checkpoint), full_name), str(tmp_path))
    with pytest.raises(WeightsError, match="answer to an image differs by"):
        weights.load(blank[None], tmp_path, trusted=True)
    assert_untouched(blank[None])


@pytest.mark.parametrize("name_of", [full_name, last_part])
def test_saved_model_of_another_variant_is_refused_with_the_differences(blank, tmp_path, name_of):
    wide = numpy_resnet.random_checkpoint(UNITS, 1)
    tf.saved_model.save(Network(wide, name_of), str(tmp_path))
    with pytest.raises(WeightsError, match=r"\(7, 7, 3, 32\)"):
        weights.load(blank[None], tmp_path)
    assert_untouched(blank[None])


def test_saved_model_that_takes_no_images_is_refused(blank, checkpoint, tmp_path):
    module = tf.Module()
    module.network = Network(without_head(checkpoint), full_name)
    signature = tf.function(lambda image: {"scores": tf.strings.length(image)})
    spec = tf.TensorSpec([None], tf.string, name="image")
    tf.saved_model.save(module, str(tmp_path), signatures=signature.get_concrete_function(spec))
    with pytest.raises(WeightsError, match="must take float images"):
        weights.load(blank[None], tmp_path, trusted=True)


class Hostile(Network):
    """Writes a file when it is loaded, and another when it answers."""

    def __init__(self, checkpoint, name_of, folder):
        super().__init__(checkpoint, name_of)
        self.loading = Loading(str(folder / "loaded"))
        self._answered = str(folder / "answered")

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def __call__(self, images):
        with tf.control_dependencies([tf.io.write_file(self._answered, "here")]):
            return super().__call__(images)


class Loading(tf.saved_model.experimental.TrackableResource):
    def __init__(self, path):
        super().__init__()
        self._path = path

    def _create_resource(self):
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.string)

    def _initialize(self):
        tf.io.write_file(self._path, "here")


@pytest.fixture
def hostile(checkpoint, tmp_path):
    """Path of a hostile model, and of a folder that it writes to when it is run."""
    written = tmp_path / "written"
    model = Hostile(without_head(checkpoint), full_name, written)
    tf.saved_model.save(model, str(tmp_path / "model"))
    shutil.rmtree(written, ignore_errors=True)  # it writes while it is made, too
    return tmp_path / "model", written


def test_the_program_of_a_saved_model_is_not_run_unless_it_is_trusted(
    blank, hostile, images, features
):
    path, written = hostile
    weights.load(blank[None], path)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)
    assert not written.exists()
    weights.load(blank[None], path, trusted=True)
    assert {file.name for file in written.iterdir()} == {"loaded", "answered"}


def test_weights_that_fit_in_two_ways_are_refused_where_nothing_may_be_run(
    blank, checkpoint, tmp_path
):
    tf.saved_model.save(Network(without_head(checkpoint), last_part), str(tmp_path))
    with pytest.raises(WeightsError, match=r"in 2 ways.*--trust-backbone.*model\.trust_backbone"):
        weights.load(blank[None], tmp_path)
    assert_untouched(blank[None])


def test_modules_of_the_released_list_are_trusted_and_other_handles_are_not(
    monkeypatch, blank, checkpoint, tmp_path
):
    tf.saved_model.save(Network(without_head(checkpoint), last_part), str(tmp_path))
    monkeypatch.setattr(saved_model, "resolve", lambda _: tmp_path)
    weights.load(blank[None], "bit-m-r50x1-hub")
    with pytest.raises(WeightsError, match="in 2 ways"):
        weights.load(blank[None], "https://hub.example/someone/bit/1")


@pytest.mark.parametrize("lost", ["saved_model.pb", "variables/variables.index"])
def test_an_incomplete_saved_model_is_refused(blank, checkpoint, tmp_path, lost):
    tf.saved_model.save(Network(without_head(checkpoint), full_name), str(tmp_path))
    (tmp_path / lost).unlink()
    with pytest.raises(WeightsError, match=re.escape(str(tmp_path))):
        weights.load(blank[None], tmp_path)


class Export(tf.Module):
    """What our Trainer writes: the network, and its features for the next task."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.features = keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def __call__(self, images):
        return self.features(images, training=False)


def test_our_own_export_is_the_backbone_of_the_next_task(
    trained, blank, tmp_path, images, features
):
    tf.saved_model.save(Export(trained), str(tmp_path))
    weights.load(blank[None], tmp_path)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


def test_a_folded_export_can_be_fine_tuned_on_another_task(trained, tmp_path, images, features):
    tf.saved_model.save(Export(resnet_v2.fold(trained)), str(tmp_path))
    model = resnet_v2.build(VARIANT, 3)
    weights.load(model, tmp_path)
    backbone = keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)
    np.testing.assert_allclose(outputs_of(backbone, images), features, atol=1e-4)
    before = model.get_weights()
    labels = np.array([0, 1, 2] * 2)
    pictures = 0.2 * np.random.default_rng(0).random((6, 32, 32, 3), dtype=np.float32)
    pictures[np.arange(6), :, :, labels] += 0.7
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    losses = [model.train_on_batch(pictures, labels) for _ in range(5)]
    assert losses[-1] < losses[0]
    unchanged = [
        variable.path
        for variable, old in zip(model.variables, before, strict=True)
        if np.array_equal(keras.ops.convert_to_numpy(variable), old)
    ]
    assert unchanged == []


def test_standardising_a_folded_kernel_changes_nothing(checkpoint):
    kernel = checkpoint["resnet/root_block/standardized_conv2d/kernel"]
    folded = layers.standardize(kernel)
    np.testing.assert_allclose(layers.standardize(folded), folded, atol=1e-5)


def test_arrays_of_a_saved_model_are_read_with_their_names(checkpoint, tmp_path):
    tf.saved_model.save(Network(checkpoint, full_name), str(tmp_path))
    for arrays in saved_model.read(tmp_path):
        assert {array.name for array in arrays} == set(checkpoint)
