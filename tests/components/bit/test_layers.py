import keras
import numpy as np
import pytest
import tensorflow as tf

from components.bit import layers


def random(*shape, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1.0, shape).astype(np.float32)


def test_standardized_kernel_has_mean_0_and_variance_1_per_output_channel():
    kernel = keras.ops.convert_to_numpy(layers.standardize(random(3, 3, 8, 5, mean=2.0)))
    np.testing.assert_allclose(kernel.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(kernel.var(axis=(0, 1, 2)), 1, rtol=1e-5)


@pytest.mark.parametrize(("size", "strides"), [(1, 1), (3, 1), (3, 2), (7, 2), (1, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_shape_of_an_answer_is_known_without_it(size, strides, padding):
    layer = layers.StandardizedConv2D(32, size, strides, padding)
    inputs = random(2, 9, 16, 8)
    answer = layers.GroupNormalization()(layer(inputs))
    assert layer.compute_output_shape(inputs.shape) == answer.shape
    assert layer(keras.Input((None, 16, 8))).shape == (None, None, *answer.shape[2:])
    # In half precision, too.
    for dtype in ("float32", "mixed_bfloat16"):
        symbolic = keras.Input((16, 16, 8), dtype="float32")
        half = layers.StandardizedConv2D(32, size, strides, padding, dtype=dtype)
        norm = layers.GroupNormalization(dtype=dtype)
        found = norm(half(symbolic))
        assert found.dtype == norm(half(random(1, 16, 16, 8))).dtype.name == norm.compute_dtype


def test_the_scale_and_offset_of_a_kernel_do_not_matter():
    layer = layers.StandardizedConv2D(4, 3, padding="same")
    inputs = random(1, 5, 7, 8)
    before = keras.ops.convert_to_numpy(layer(inputs))
    layer.kernel.assign(layer.kernel.value * 3.0 + 1.0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(inputs)), before, atol=1e-4)


@pytest.mark.parametrize("one_pass", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 7, 64), (1, 1, 1, 64), (3, 8, 1, 32)])
def test_group_norm_equals_the_textbook_formula(shape, one_pass):
    layer = layers.GroupNormalization(one_pass=one_pass)
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


@pytest.mark.parametrize("one_pass", [False, True])
def test_group_norm_is_accurate_when_the_mean_is_many_deviations_away(one_pass):
    # E[x^2] - E[x]^2 loses digits with (mean / deviation)^2; trained networks stay below 10.
    inputs = random(1, 16, 16, 32, mean=30.0)
    exact = inputs.astype(np.float64).reshape(256, 32)
    expected = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
    outputs = keras.ops.convert_to_numpy(layers.GroupNormalization(one_pass=one_pass)(inputs))
    np.testing.assert_allclose(outputs.reshape(256, 32), expected, atol=1e-3)


def test_a_constant_input_has_no_variance_and_gives_beta():
    outputs = layers.GroupNormalization()(np.full((1, 4, 4, 32), 7.3, np.float32))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs), 0, atol=1e-2)


@pytest.mark.parametrize("shape", [(2, 5, 7, 64), (3, 1, 1, 64)])
@pytest.mark.parametrize("first_gammas", [[], [0.0, 1e-30, -1e-11, 1e-6], [0.0] * 64])
def test_group_norm_gradient_is_that_of_the_textbook_formula(shape, first_gammas):
    layer = layers.GroupNormalization()
    layer.build(shape)
    inputs, gamma, beta, weights = (
        tf.constant(random(*size, mean=mean, seed=seed))
        for seed, (size, mean) in enumerate(
            [(shape, 0.5), (shape[-1:], 1.0), (shape[-1:], 0.0), (shape, 0.0)]
        )
    )
    gamma = tf.concat([tf.constant(first_gammas, tf.float32), gamma[len(first_gammas) :]], 0)

    def textbook(x, gamma, beta):
        groups = tf.reshape(x, [*shape[:3], 32, -1])
        mean, variance = tf.nn.moments(groups, [1, 2, 4], keepdims=True)
        normalized = (groups - mean) * tf.math.rsqrt(variance + 1e-5)
        return tf.reshape(normalized, shape) * gamma + beta

    def ours(x, gamma, beta):
        return layer.stateless_call([gamma, beta], [], x)[0]

    gradients = []
    for function in (textbook, ours):
        with tf.GradientTape() as tape:
            tape.watch([inputs, gamma, beta])
            loss = tf.reduce_sum(function(inputs, gamma, beta) * weights)
        gradients.append(tape.gradient(loss, [inputs, gamma, beta]))
    for expected, actual in zip(*gradients, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4, rtol=1e-4)


def test_standardisation_gradient_is_that_of_the_formula():
    kernel, weights = (tf.constant(random(3, 3, 8, 5, mean=m, seed=m)) for m in (1, 0))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kernel)
        mean, variance = tf.nn.moments(kernel, [0, 1, 2], keepdims=True)
        formula = tf.reduce_sum((kernel - mean) * tf.math.rsqrt(variance + 1e-10) * weights)
        ours = tf.reduce_sum(layers.standardize(kernel) * weights)
    np.testing.assert_allclose(
        tape.gradient(ours, kernel), tape.gradient(formula, kernel), atol=1e-5
    )


def test_group_norm_keeps_statistics_in_float32_under_mixed_precision():
    # Squares of 300 overflow float16.
    inputs = random(2, 16, 16, 32, mean=300.0)
    outputs = layers.GroupNormalization(dtype="mixed_float16")(inputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    assert np.std(keras.ops.convert_to_numpy(outputs)) == pytest.approx(1.0, abs=5e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_group_norm_works_in_any_float(dtype):
    layer = layers.GroupNormalization(dtype=dtype)
    inputs = tf.cast(random(2, 8, 8, 32), dtype)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs) ** 2)
    gradients = tape.gradient(loss, [layer.gamma.value, layer.beta.value])
    assert [gradient.dtype.name for gradient in gradients] == [dtype] * 2


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
