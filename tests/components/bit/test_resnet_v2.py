import re
import time

import keras
import numpy as np
import pytest

from components.bit import layers, resnet_v2, variants
from components.bit.variants import Variant
from tests.components.bit import numpy_resnet

TOLERANCE = 1e-4


def released_name(variable):
    """Our variable's name in a released checkpoint."""
    path = variable.path.replace("-", "/")
    return "resnet/" + re.sub("^head/", "head/conv2d/", path)


def filled(model, checkpoint):
    for variable in model.variables:
        variable.assign(checkpoint[released_name(variable)].reshape(variable.shape))
    return model


def random_images(*shape, seed=7):
    return np.random.default_rng(seed).random((*shape, 3), dtype=np.float32)


def outputs_of(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def assert_parity(variant, num_classes, *sizes):
    checkpoint = numpy_resnet.random_checkpoint(variant.units, variant.width_factor, num_classes)
    model = filled(resnet_v2.build(variant, num_classes), checkpoint)
    for batch, height, width in sizes:
        images = random_images(batch, height, width)
        expected = numpy_resnet.forward(checkpoint, variant.units, images)
        assert expected.std() > 0.01
        outputs = outputs_of(model, images)
        np.testing.assert_allclose(outputs, expected, atol=TOLERANCE, rtol=0)


def test_any_image_size_equals_the_numpy_network():
    sizes = [(1, 1, 1), (2, 7, 5), (1, 31, 33), (2, 32, 32), (1, 64, 48), (1, 97, 65)]
    assert_parity(variants.get("R26x1"), 21, *sizes)


def test_a_released_variant_equals_the_numpy_network():
    assert_parity(variants.get("R50x1"), None, (1, 47, 65))


def test_deepest_variant_equals_the_numpy_network():
    assert_parity(Variant("narrow", variants.get("R152x4").units, 0.5), 3, (1, 40, 33))


def test_a_wide_variant_equals_the_numpy_network():
    assert_parity(Variant("shallow", (1, 1, 1, 1), 3), 3, (1, 17, 20))


@pytest.mark.parametrize("name", ["R14x0.5", "R26x1", "R50x1"])
def test_variables_are_those_of_a_released_checkpoint(name):
    variant = variants.get(name)
    model = resnet_v2.build(name)
    ours = {released_name(variable): tuple(variable.shape) for variable in model.variables}
    assert ours == numpy_resnet.checkpoint_shapes(variant.units, variant.width_factor)


def test_a_new_head_is_zero_and_features_are_not():
    images = random_images(1, 20, 20)
    assert not outputs_of(resnet_v2.build("R14x0.5", num_classes=4), images).any()
    features = outputs_of(resnet_v2.build("R14x0.5"), images)
    assert features.shape == (1, variants.get("R14x0.5").features)
    assert features.any()


@pytest.mark.parametrize("num_classes", [0, -1])
def test_a_head_without_outputs_is_rejected(num_classes):
    with pytest.raises(ValueError, match=f"Received: {num_classes}"):
        resnet_v2.build("R14x0.5", num_classes)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_in_half_and_answers_in_float32(policy):
    variant = variants.get("R14x0.5")
    checkpoint = numpy_resnet.random_checkpoint(variant.units, variant.width_factor, 4)
    model = filled(resnet_v2.build(variant, 4, dtype=policy), checkpoint)
    assert {variable.dtype for variable in model.variables} == {"float32"}
    assert model.get_layer("block1-unit01-add").output.dtype == policy.removeprefix("mixed_")
    images = random_images(2, 40, 40)
    outputs = outputs_of(model, images)
    assert outputs.dtype == np.float32
    expected = numpy_resnet.forward(checkpoint, variant.units, images)
    np.testing.assert_allclose(outputs, expected, atol=0.1 * expected.std())


def test_the_global_policy_is_the_default():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = resnet_v2.build("R14x0.5", 4)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("block1-unit01-add").compute_dtype == "bfloat16"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("num_classes", [None, 5])
def test_folded_network_answers_the_same_without_standardising(policy, num_classes):
    variant = variants.get("R26x0.5")
    checkpoint = numpy_resnet.random_checkpoint(variant.units, variant.width_factor, num_classes)
    model = filled(resnet_v2.build(variant, num_classes, dtype=policy), checkpoint)
    folded = resnet_v2.fold(model)
    assert not any(isinstance(layer, layers.StandardizedConv2D) for layer in folded.layers)
    assert [variable.path for variable in folded.variables] == [
        variable.path for variable in model.variables
    ]
    images = random_images(2, 33, 47)
    outputs = outputs_of(folded, images)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, outputs_of(model, images), atol=1e-5)


def test_folding_leaves_the_model_alone_and_shares_nothing():
    model = resnet_v2.build("R14x0.5", 5)
    before = model.get_weights()
    folded = resnet_v2.fold(model)
    folded.set_weights([weights + 1 for weights in folded.get_weights()])
    for left, right in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_folding_a_folded_network_changes_nothing():
    folded = resnet_v2.fold(resnet_v2.build("R14x0.5", 5))
    images = random_images(1, 20, 20)
    np.testing.assert_array_equal(
        outputs_of(resnet_v2.fold(folded), images), outputs_of(folded, images)
    )


def test_building_and_folding_take_a_second_and_not_one_per_layer():
    started = time.process_time()
    resnet_v2.fold(resnet_v2.build("R50x1"))
    assert time.process_time() - started < 6  # 2 s; 9 s where Keras traces layers for their shapes


def test_network_survives_saving(tmp_path):
    model = resnet_v2.build("R14x0.5", 5, dtype="mixed_bfloat16")
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    images = random_images(1, 20, 20)
    features, restored_features = (
        outputs_of(keras.Model(m.input, m.get_layer("pool").output), images)
        for m in (model, restored)
    )
    np.testing.assert_array_equal(features, restored_features)


def test_one_step_of_training_reaches_every_variable():
    model = resnet_v2.build("R14x0.5", 3)
    head = model.get_layer("head")  # at zero it would keep the gradient from the features
    head.kernel.assign(np.random.default_rng(0).normal(size=head.kernel.shape))
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(random_images(4, 33, 33), np.array([0, 1, 2, 0]))
    unchanged = [
        variable.path
        for variable, old in zip(model.variables, before, strict=True)
        if np.array_equal(keras.ops.convert_to_numpy(variable), old)
    ]
    assert unchanged == []
