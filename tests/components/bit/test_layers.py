import keras
import numpy as np
import pytest

from components.bit import layers


def random(*shape, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1.0, shape).astype(np.float32)


def test_standardized_kernel_has_mean_0_and_variance_1_per_output_channel():
    kernel = keras.ops.convert_to_numpy(layers.standardize(random(3, 3, 8, 5, mean=2.0)))
    np.testing.assert_allclose(kernel.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(kernel.var(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_the_scale_and_offset_of_a_kernel_do_not_matter():
    layer = layers.StandardizedConv2D(4, 3, padding="same")
    inputs = random(1, 5, 7, 8)
    before = keras.ops.convert_to_numpy(layer(inputs))
    layer.kernel.assign(layer.kernel.value * 3.0 + 1.0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(inputs)), before, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 5, 7, 64), (1, 1, 1, 64), (3, 8, 1, 32)])
def test_group_norm_equals_the_textbook_formula(shape):
    layer = layers.GroupNormalization()
    inputs = random(*shape, mean=0.5)
    layer.build(shape)
    layer.gamma.assign(random(shape[-1], mean=1.0, seed=1))
    layer.beta.assign(random(shape[-1], seed=2))
    groups = inputs.reshape(*shape[:3], 32, -1).astype(np.float64)
    mean = groups.mean(axis=(1, 2, 4), keepdims=True)
    variance = groups.var(axis=(1, 2, 4), keepdims=True)
    expected = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(shape)
    expected = expected * np.asarray(layer.gamma) + np.asarray(layer.beta)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(inputs)), expected, atol=2e-5)


def test_group_norm_is_accurate_far_from_zero():
    # E[x^2] - E[x]^2 in float32 would lose the variance here.
    outputs = layers.GroupNormalization()(random(1, 16, 16, 32, mean=3000.0))
    assert np.std(keras.ops.convert_to_numpy(outputs)) == pytest.approx(1.0, abs=1e-2)


def test_group_norm_keeps_statistics_in_float32_under_mixed_precision():
    # Squares of 300 overflow float16.
    inputs = random(2, 16, 16, 32, mean=300.0)
    outputs = layers.GroupNormalization(dtype="mixed_float16")(inputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    assert np.std(keras.ops.convert_to_numpy(outputs)) == pytest.approx(1.0, abs=5e-2)


def test_group_norm_default_epsilon_is_that_of_bit():
    outputs = layers.GroupNormalization()(random(1, 16, 16, 32) * 1e-3)
    # Variance 1e-6 under epsilon 1e-5.
    assert np.std(keras.ops.convert_to_numpy(outputs)) == pytest.approx(
        1e-3 / np.sqrt(1.1e-5), rel=0.05
    )


def test_channels_that_the_groups_do_not_divide_are_rejected():
    with pytest.raises(ValueError, match=r"32 groups\. Received: input of shape"):
        layers.GroupNormalization()(random(1, 4, 4, 48))


def test_mixed_precision_keeps_master_weights_in_float32():
    layer = layers.StandardizedConv2D(4, 3, dtype="mixed_bfloat16")
    outputs = layer(random(1, 5, 5, 8))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert layer.kernel.dtype == "float32"


def test_mixed_precision_standardises_the_kernel_in_float32():
    layer = layers.StandardizedConv2D(4, 3, dtype="mixed_bfloat16")
    inputs = random(1, 5, 5, 8)
    before = keras.ops.convert_to_numpy(keras.ops.cast(layer(inputs), "float32"))
    # In bfloat16 the kernel would be lost beside the offset, which standardisation removes.
    layer.kernel.assign(layer.kernel.value + 10.0)
    after = keras.ops.convert_to_numpy(keras.ops.cast(layer(inputs), "float32"))
    np.testing.assert_allclose(after, before, atol=0.02 * before.std())


def test_mixed_precision_does_not_round_gamma():
    layer = layers.GroupNormalization(dtype="mixed_bfloat16")
    inputs = random(2, 16, 16, 32)
    layer.build(inputs.shape)
    layer.gamma.assign(np.full(32, 257.0))  # bfloat16 would make it 256
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(layer(inputs), "float32"))
    assert outputs.std() == pytest.approx(257.0, rel=1e-3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.StandardizedConv2D(4, 3, strides=2, padding="same", name="conv"),
        layers.GroupNormalization(groups=8, epsilon=1e-3, dtype="mixed_bfloat16", name="norm"),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_survive_serialisation(layer):
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is type(layer)
    assert restored.get_config() == layer.get_config()
