import keras
import numpy as np
import pytest

from components.bit.momentum import MomentumSGD

GRADIENTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def moved(optimizer, rates=None):
    """The variable after each gradient, each at its rate."""
    variable = keras.Variable(np.ones(3, np.float32))
    optimizer.build([variable])
    values = []
    for step, gradient in enumerate(GRADIENTS):
        if rates is not None:
            optimizer.learning_rate = rates[step]
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        values.append(keras.ops.convert_to_numpy(variable.value))
    return np.array(values)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_at_a_constant_rate_it_is_keras_own(momentum):
    np.testing.assert_allclose(
        moved(MomentumSGD(0.1, momentum)),
        moved(keras.optimizers.SGD(0.1, momentum=momentum)),
        rtol=1e-5,
    )


def test_a_lower_rate_holds_from_its_first_step_for_what_has_been_accumulated():
    rates = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01]
    expected, value, accumulated = [], np.ones(3), np.zeros(3)
    for rate, gradient in zip(rates, GRADIENTS, strict=True):
        accumulated = 0.9 * accumulated + gradient
        value = value - rate * accumulated
        expected.append(value)
    np.testing.assert_allclose(moved(MomentumSGD(0.1), rates), expected, rtol=1e-5)


def test_it_survives_serialisation():
    restored = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(MomentumSGD(0.1, 0.8))
    )
    assert isinstance(restored, MomentumSGD)
    assert (float(restored.learning_rate), restored.momentum) == (pytest.approx(0.1), 0.8)
