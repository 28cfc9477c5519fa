import re

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import WeightsError
from components.bit import download, layers, resnet_v2, saved_model, variants, weights
from tests.components.bit import numpy_resnet

VARIANT = "R14x0.5"
UNITS, WIDTH = variants.get(VARIANT).units, variants.get(VARIANT).width_factor
CLASSES = 7


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((2, 40, 33, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def checkpoint():
    return numpy_resnet.random_checkpoint(UNITS, WIDTH, CLASSES)


@pytest.fixture(scope="module")
def logits(checkpoint, images):
    return numpy_resnet.forward(checkpoint, UNITS, images)


@pytest.fixture(scope="module")
def features(checkpoint, images):
    backbone = {name: value for name, value in checkpoint.items() if "head" not in name}
    return numpy_resnet.forward(backbone, UNITS, images)


@pytest.fixture(scope="module")
def npz(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "BiT.npz"
    np.savez(path, **checkpoint)
    return path


@pytest.fixture(scope="module")
def trained(npz):
    """A network with a head, filled once; tests must not change it."""
    model = resnet_v2.build(VARIANT, CLASSES)
    weights.load(model, npz, head=True)
    return model


@pytest.fixture(scope="module")
def empty():
    """Networks to be filled; building takes a second, and loading overwrites everything."""
    return {classes: resnet_v2.build(VARIANT, classes) for classes in (None, CLASSES)}


@pytest.fixture
def blank(empty):
    for model in empty.values():
        for variable in model.variables:
            variable.assign(keras.ops.zeros_like(variable))
    return empty


def outputs_of(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def assert_untouched(model):
    assert not any(keras.ops.convert_to_numpy(v).any() for v in model.variables)


def write_h5(path, checkpoint, rename):
    """In the layout of Keras 2: a group per layer, which lists its weights in order."""
    grouped = {}
    for name, value in checkpoint.items():
        name = name.removeprefix("resnet/").replace("head/conv2d", "head/dense")
        layer = "head/dense" if name.startswith("head") else name.split("/")[0]
        if name == "head/dense/kernel":
            value = value[0, 0]
        grouped.setdefault(layer, []).append((rename(name), value))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in grouped]
        for layer, members in grouped.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{name}:0".encode() for name, _ in members]
            for name, value in members:
                group.create_dataset(f"{name}:0", data=value)
    return path


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


def full_name(name):
    return name


def last_part(name):
    """What Keras 2 leaves of a name."""
    return "/".join(name.split("/")[-2:])


def without_head(checkpoint):
    return {name: value for name, value in checkpoint.items() if "head" not in name}


def projection_last(checkpoint):
    """The order in which the reference's Keras code creates variables."""
    order = list(checkpoint)
    for projection in [name for name in order if "/proj/" in name]:
        order.remove(projection)
        last = projection.replace("a/proj", "c")
        order.insert(order.index(last) + 1, projection)
    return {name: checkpoint[name] for name in order}


# Files


def test_npz_with_its_head_answers_as_the_numpy_network(trained, images, logits):
    np.testing.assert_allclose(outputs_of(trained, images), logits, atol=1e-4)


def test_npz_without_its_head_leaves_the_new_one_alone(blank, npz, images, features):
    weights.load(blank[None], npz)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)
    weights.load(blank[CLASSES], npz, head=False)
    assert not outputs_of(blank[CLASSES], images).any()


def test_mixed_precision_network_loads_the_same_weights(npz, checkpoint):
    model = resnet_v2.build(VARIANT, dtype="mixed_bfloat16")
    weights.load(model, npz)
    kernel = model.get_layer("block1-unit01-a-standardized_conv2d").kernel
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(kernel),
        checkpoint["resnet/block1/unit01/a/standardized_conv2d/kernel"],
    )


@pytest.mark.parametrize("prefix", ["", "resnet_v2/"])
def test_h5_answers_as_the_numpy_network(blank, checkpoint, tmp_path, images, logits, prefix):
    path = write_h5(tmp_path / "BiT.h5", checkpoint, lambda name: prefix + name)
    weights.load(blank[CLASSES], path, head=True)
    np.testing.assert_allclose(outputs_of(blank[CLASSES], images), logits, atol=1e-4)


def test_h5_with_cut_names_is_matched_by_its_order(blank, checkpoint, tmp_path, images, features):
    numbers = iter(range(1000))

    def cut(name):
        proj = "proj/" if "/proj/" in name else ""
        return f"{proj}layer_{next(numbers)}/{name.rpartition('/')[2]}"

    path = write_h5(tmp_path / "BiT.h5", projection_last(checkpoint), cut)
    weights.load(blank[None], path)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


def test_another_variant_is_refused_and_its_differences_listed(blank, tmp_path):
    np.savez(tmp_path / "wide.npz", **numpy_resnet.random_checkpoint((2, 1, 1, 1), 1))
    with pytest.raises(WeightsError) as caught:
        weights.load(blank[None], tmp_path / "wide.npz")
    message = str(caught.value)
    assert "unexpected: block1/unit02/a/group_norm/gamma (256,)" in message
    assert "root_block/standardized_conv2d/kernel is (7, 7, 3, 64) instead of (7, 7, 3, 32)" in (
        message
    )
    assert_untouched(blank[None])


@pytest.mark.parametrize("name", ["resnet/group_norm/beta", "resnet/head/conv2d/bias"])
def test_a_missing_array_is_named(blank, checkpoint, tmp_path, name):
    np.savez(tmp_path / "BiT.npz", **{k: v for k, v in checkpoint.items() if k != name})
    ours = name.removeprefix("resnet/").replace("conv2d/", "")
    with pytest.raises(WeightsError, match=f"1 missing: {ours}"):
        weights.load(blank[CLASSES], tmp_path / "BiT.npz", head=True)
    assert_untouched(blank[CLASSES])


def test_a_surplus_array_is_named(blank, checkpoint, tmp_path):
    np.savez(tmp_path / "BiT.npz", **checkpoint, momentum=np.zeros(5))
    with pytest.raises(WeightsError, match=r"momentum \(5,\)"):
        weights.load(blank[None], tmp_path / "BiT.npz")
    assert_untouched(blank[None])


def test_a_head_of_another_size_is_refused_with_the_remedy(npz):
    model = resnet_v2.build(VARIANT, CLASSES + 1)
    with pytest.raises(WeightsError, match=r"has 7 outputs.* with 8\. .*head=False"):
        weights.load(model, npz, head=True)


def test_a_head_is_kept_only_where_both_sides_have_one(blank, npz, checkpoint, tmp_path):
    with pytest.raises(WeightsError, match="num_classes"):
        weights.load(blank[None], npz, head=True)
    np.savez(tmp_path / "features.npz", **without_head(checkpoint))
    with pytest.raises(WeightsError, match="ends in features"):
        weights.load(blank[CLASSES], tmp_path / "features.npz", head=True)


@pytest.mark.parametrize("name", ["BiT.npz", "BiT.h5"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "text"])
def test_a_damaged_file_is_one_sentence(blank, checkpoint, npz, tmp_path, name, damage):
    path = tmp_path / name
    whole = npz
    if name.endswith("h5"):
        whole = write_h5(tmp_path / "whole.h5", checkpoint, full_name)
    content = {
        "empty": b"",
        "truncated": whole.read_bytes()[:-1000],
        "text": b"<html>404</html>",
    }[damage]
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as"):
        weights.load(blank[None], path)
    assert_untouched(blank[None])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("bit-m-r50x1-ilsvrc", r"did you mean 'bit-m-r50x1-ilsvrc2012'\? Give"),
        ("/nowhere/BiT.npz", "no weights are called '/nowhere/BiT.npz'"),
    ],
)
def test_an_unknown_source_is_refused(blank, source, message):
    with pytest.raises(WeightsError, match=message):
        weights.load(blank[None], source)


def test_a_file_of_another_kind_is_refused(blank, tmp_path):
    (tmp_path / "BiT.pth").touch()
    with pytest.raises(WeightsError, match=r"official \.npz or \.h5"):
        weights.load(blank[None], tmp_path / "BiT.pth")


def test_only_networks_of_ours_can_be_filled(npz):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="other")])
    with pytest.raises(WeightsError, match="other/kernel"):
        weights.load(other, npz)


# Downloads


def test_a_released_name_is_fetched_from_its_address(monkeypatch, blank, npz, tmp_path):
    asked = []

    def fetch(url, **options):
        asked.append((url, options))
        return npz

    monkeypatch.setattr(download, "fetch", fetch)
    weights.load(blank[None], "BiT-M-R50x1", cache=tmp_path, progress=False)
    ((url, options),) = asked
    assert url == "https://storage.googleapis.com/bit_models/BiT-M-R50x1.npz"
    assert options == {"cache": tmp_path, "sha256": None, "progress": False}


def test_a_login_page_instead_of_weights_is_not_remembered(monkeypatch, blank, tmp_path):
    page = tmp_path / "BiT.npz"
    page.write_text("<html>please log in</html>")
    monkeypatch.setattr(download, "fetch", lambda *_, **__: page)
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.load(blank[None], "http://somewhere.example/BiT.npz")
    assert not page.exists()


def test_an_unreachable_hub_is_one_sentence_with_the_remedy(monkeypatch, blank, tmp_path):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="TFHUB_CACHE_DIR") as caught:
        weights.load(blank[None], "http://127.0.0.1:9/google/bit/m-r50x1/1")
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_dir()] == []


# SavedModels


@pytest.mark.parametrize("name_of", [full_name, last_part])
@pytest.mark.parametrize("order", [dict, projection_last])
def test_saved_model_of_features(blank, checkpoint, tmp_path, images, features, name_of, order):
    network = Network(order(without_head(checkpoint)), name_of)
    tf.saved_model.save(network, str(tmp_path))
    weights.load(blank[None], tmp_path)
    np.testing.assert_allclose(outputs_of(blank[None], images), features, atol=1e-4)


@pytest.mark.parametrize("name_of", [full_name, last_part])
def test_saved_model_of_a_classifier(blank, checkpoint, tmp_path, images, logits, name_of):
    tf.saved_model.save(Network(checkpoint, name_of, squeeze=False), str(tmp_path))
    weights.load(blank[CLASSES], tmp_path, head=True)
    np.testing.assert_allclose(outputs_of(blank[CLASSES], images), logits, atol=1e-4)
    weights.load(blank[None], tmp_path, head=False)


def test_saved_model_with_images_from_minus_one_to_one(
    blank, checkpoint, tmp_path, images, features
):
    network = Network(without_head(checkpoint), last_part, scale_inside=False)
    tf.saved_model.save(network, str(tmp_path))
    weights.load(blank[None], tmp_path)
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
    weights.load(blank[None], tmp_path)


def test_saved_model_that_computes_something_else_is_refused(blank, checkpoint, tmp_path):
    class Halved(Network):
        def _norm_relu(self, x, value, path):
            return super()._norm_relu(x, value, path) / 2

    tf.saved_model.save(Halved(without_head(checkpoint), full_name), str(tmp_path))
    with pytest.raises(WeightsError, match="answer to an image differs by"):
        weights.load(blank[None], tmp_path)
    assert_untouched(blank[None])


@pytest.mark.parametrize("name_of", [full_name, last_part])
def test_saved_model_of_another_variant_is_refused_with_the_differences(blank, tmp_path, name_of):
    wide = numpy_resnet.random_checkpoint(UNITS, 1)
    tf.saved_model.save(Network(wide, name_of), str(tmp_path))
    with pytest.raises(WeightsError, match=r"\(7, 7, 3, 32\)"):
        weights.load(blank[None], tmp_path)
    assert_untouched(blank[None])


def test_saved_model_that_takes_no_images_is_refused(blank, tmp_path):
    module = tf.Module()
    signature = tf.function(lambda image: {"scores": tf.strings.length(image)})
    spec = tf.TensorSpec([None], tf.string, name="image")
    tf.saved_model.save(module, str(tmp_path), signatures=signature.get_concrete_function(spec))
    with pytest.raises(WeightsError, match="must take float images"):
        weights.load(blank[None], tmp_path)


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
