import keras
import numpy as np
import pytest

from components.bit import hyperrule
from components.bit.schedule import WarmupStaircase


@pytest.fixture(scope="module")
def rule():
    return hyperrule.for_dataset(1000, 32 * 32)


def test_schedule_equals_the_rule_at_every_step(rule):
    schedule = WarmupStaircase.from_rule(rule)
    steps = np.arange(rule.steps + 10, dtype=np.int64)
    # One call for all steps: the formula is elementwise, and 510 eager calls would take seconds.
    rates = keras.ops.convert_to_numpy(schedule(steps))
    expected = [rule.learning_rate_at(int(step)) for step in steps]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_schedule_without_warmup_starts_at_the_peak(rule):
    schedule = WarmupStaircase.from_rule(rule.with_overrides(warmup_steps=0))
    assert float(schedule(0)) == pytest.approx(0.003)


def test_an_optimizer_asks_the_schedule_with_its_own_step_count(rule):
    optimizer = keras.optimizers.SGD(WarmupStaircase.from_rule(rule), momentum=0.9)
    optimizer.build([keras.Variable(np.zeros(1, np.float32))])
    optimizer.iterations.assign(250)
    assert float(optimizer.learning_rate) == pytest.approx(0.0003)


def test_schedule_survives_serialisation(rule):
    optimizer = keras.optimizers.SGD(WarmupStaircase.from_rule(rule))
    config = keras.saving.serialize_keras_object(optimizer)
    restored = keras.saving.deserialize_keras_object(config)._learning_rate
    assert isinstance(restored, WarmupStaircase)
    assert restored.get_config() == WarmupStaircase.from_rule(rule).get_config()
