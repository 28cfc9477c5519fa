"""Fine-tuning learns, follows the schedule and says when it cannot go on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components import progress, trainer
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule
from components.errors import TrainingError

RULE = HyperRule(
    steps=25,
    warmup_steps=2,
    boundaries=(20,),
    learning_rate=0.02,
    batch_size=8,
    resize=32,
    crop=32,
    mixup_alpha=0.0,
)


@pytest.fixture
def dataset():
    """Bright pictures are class 1, dark ones class 0."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = 0.25 + 0.5 * labels[:, None, None, None] + rng.uniform(-0.2, 0.2, (64, 32, 32, 3))
    pairs = tf.data.Dataset.from_tensor_slices((images.astype("float32"), np.eye(2)[labels]))
    return pairs.repeat().batch(RULE.batch_size)


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    return resnet_v2.build("R14x0.5", num_classes=2)


def test_loss_falls_every_variable_moves_and_each_step_is_reported(model, dataset):
    before = [np.array(variable) for variable in model.trainable_variables]
    reports = []
    with progress.listen(lambda *report: reports.append(report)):
        trainer.fine_tune(model, dataset, RULE)
    assert [(stage, done, total) for stage, done, total, _ in reports] == [
        (trainer.STAGE, step, RULE.steps) for step in range(1, RULE.steps + 1)
    ]
    metrics = [report[3] for report in reports]
    assert metrics[0]["loss"] == pytest.approx(np.log(2), abs=1e-3)  # the head starts at zero
    assert metrics[-1]["loss"] < 0.1
    assert metrics[-1]["accuracy"] > 0.95
    assert metrics[-1]["images_per_s"] > 0
    # The last steps are shown alone, not averaged with the first ones.
    assert metrics[-1]["loss"] < metrics[10]["loss"]
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.abs(np.array(variable) - old).max() > 0, variable.path


def test_the_optimiser_follows_the_rule(model, dataset):
    trainer.fine_tune(model, dataset, RULE.with_overrides(steps=3))
    optimizer = model.optimizer
    assert int(optimizer.iterations) == 3
    assert optimizer.momentum == 0.9
    rule = RULE.with_overrides(steps=3)
    assert float(optimizer.learning_rate) == pytest.approx(rule.learning_rate_at(3))


def test_a_loss_that_is_no_number_stops_with_the_remedy(model, dataset):
    wild = RULE.with_overrides(learning_rate=1e20)
    with pytest.raises(TrainingError, match=r"diverged.*train\.learning_rate"):
        trainer.fine_tune(model, dataset, wild)


def test_tensorboard_finds_the_curves(model, dataset, tmp_path):
    trainer.fine_tune(model, dataset, RULE.with_overrides(steps=2), log_dir=str(tmp_path))
    assert list(tmp_path.rglob("events.out.tfevents.*"))
