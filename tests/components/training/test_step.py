"""A batch in parts, on one device or two, trains like the batch as a whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.bit import layers
from components.bit.momentum import MomentumSGD
from components.training.step import TrainingStep
from tests.components.training import small

rng = np.random.default_rng(1)
IMAGES = rng.random((3, 8, 32, 32, 3), np.float32)
LABELS = np.eye(3, dtype=np.float32)[rng.integers(0, 3, (3, 8))]
# Low: a trained network of ReLUs doubles a difference in the last digit every few steps.
LEARNING_RATE = 0.005


def trained(strategy=None, dtype=None, **options):
    """The model and each step's (loss, accuracy) after three steps of eight pictures."""
    strategy = strategy or tf.distribute.get_strategy()
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = small.build(3, dtype)
        optimizer = MomentumSGD(LEARNING_RATE)
        if dtype == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    step = TrainingStep(model, optimizer, strategy=strategy, **options)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    metrics = [
        tuple(map(float, step(*batch)))
        for batch in strategy.experimental_distribute_dataset(dataset)
    ]
    return model, metrics


@pytest.fixture(scope="module")
def whole():
    return trained()


def assert_same(one, other):
    np.testing.assert_allclose(one[1], other[1], atol=1e-5)
    assert_same_weights(one[0], other[0])


def assert_same_weights(one, other):
    for left, right in zip(one.variables, other.variables, strict=True):
        np.testing.assert_allclose(left.numpy(), right.numpy(), atol=2e-5, err_msg=left.path)


def test_a_step_is_that_of_keras_own_training(whole):
    keras.utils.set_random_seed(0)
    model = small.build(3)
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=0.9),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    losses = [float(model.train_on_batch(x, y)) for x, y in zip(IMAGES, LABELS, strict=True)]
    assert whole[1][0][0] == pytest.approx(np.log(3), abs=1e-5)  # a head of zeros
    assert whole[1][0][0] == pytest.approx(losses[0], abs=1e-5)
    assert_same_weights(whole[0], model)


@pytest.mark.parametrize("micro_batch_size", [2, 8])
def test_micro_batches_reach_the_weights_of_the_whole_batch(whole, micro_batch_size):
    assert_same(trained(micro_batch_size=micro_batch_size), whole)


def test_compiled_by_xla_the_step_is_the_same(whole):
    assert_same(trained(jit_compile=True, micro_batch_size=4), whole)


@pytest.mark.parametrize("micro_batch_size", [None, 2])
def test_two_devices_reach_the_loss_and_the_weights_of_one(whole, micro_batch_size):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    assert_same(trained(strategy, micro_batch_size=micro_batch_size), whole)


def moved(strategy=None, dtype=None, **options):
    """How far three steps have moved all weights, of a rate that makes the first one's length."""
    model, _ = trained(strategy, dtype, **options)
    pairs = zip(model.get_weights(), initial_weights(), strict=True)
    return np.sqrt(sum(np.sum((one - other) ** 2) for one, other in pairs))


# A batch's gradient is longer than this.
SHORT = 0.01


def test_a_longer_gradient_is_shortened_and_keeps_its_direction(whole):
    # Momentum of 0.9 adds up to 1, 1.9 and 2.71 times the length in three steps.
    assert 0 < moved(clip_norm=SHORT) <= 5.61 * LEARNING_RATE * SHORT * 1.001
    assert_same(trained(clip_norm=1e6), whole)


def test_two_devices_shorten_the_gradient_of_both_together():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert_same(trained(strategy, clip_norm=SHORT), trained(clip_norm=SHORT))


def test_a_gradient_that_is_scaled_for_float16_is_shortened_as_it_is():
    assert moved(dtype="mixed_float16", clip_norm=SHORT) == pytest.approx(
        moved(clip_norm=SHORT), rel=0.02
    )


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_about_the_same(whole, dtype):
    model, metrics = trained(dtype=dtype, micro_batch_size=4)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    np.testing.assert_allclose(
        [loss for loss, _ in metrics], [loss for loss, _ in whole[1]], atol=0.05
    )
    distances = [
        np.abs(one.numpy() - other).max()
        for one, other in zip(model.variables, initial_weights(), strict=True)
    ]
    assert min(distances) > 0


def initial_weights():
    keras.utils.set_random_seed(0)
    return small.build(3).get_weights()


def test_kernels_are_standardised_outside_of_the_loop_over_micro_batches():
    model, _ = trained(micro_batch_size=2)
    step = TrainingStep(model, keras.optimizers.SGD(0.1), micro_batch_size=2)
    graph = step.gradients.get_concrete_function(IMAGES[0], LABELS[0]).graph
    roots = [op for op in graph.get_operations() if op.type == "Rsqrt"]
    assert len(roots) == kernels_of(model)  # those of the normalisations are in the loop's body


@pytest.mark.parametrize("micro_batch_size", [None, 2])
def test_kernels_are_standardised_once(micro_batch_size, monkeypatch):
    calls = []
    standardize = layers.standardize
    monkeypatch.setattr(layers, "standardize", lambda k: calls.append(k) or standardize(k))
    model = small.build(3)
    calls.clear()  # building calls every layer
    step = TrainingStep(model, keras.optimizers.SGD(0.1), micro_batch_size=micro_batch_size)
    step.gradients.get_concrete_function(IMAGES[0], LABELS[0])
    assert len(calls) == kernels_of(model)


def kernels_of(model):
    return sum(isinstance(layer, layers.StandardizedConv2D) for layer in model.layers)
