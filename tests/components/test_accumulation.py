"""A batch in parts trains like the batch as a whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components import trainer
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule

RULE = HyperRule(
    steps=3,
    warmup_steps=1,
    boundaries=(2,),
    learning_rate=0.05,
    batch_size=8,
    resize=32,
    crop=32,
    mixup_alpha=0.0,
)


def trained(micro_batch_size):
    keras.utils.set_random_seed(0)
    model = resnet_v2.build("R14x0.5", num_classes=3)
    rng = np.random.default_rng(1)
    images = rng.random((24, 32, 32, 3), np.float32)
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 24)]
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).repeat().batch(8)
    trainer.fine_tune(model, dataset, RULE, micro_batch_size=micro_batch_size)
    return model


@pytest.fixture(scope="module")
def whole():
    return trained(None)


@pytest.mark.parametrize("micro_batch_size", [2, 8])
def test_micro_batches_reach_the_weights_of_the_whole_batch(whole, micro_batch_size):
    parts = trained(micro_batch_size)
    for one, other in zip(parts.variables, whole.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5, err_msg=one.path)


def test_the_schedule_counts_batches_not_parts():
    keras.utils.set_random_seed(0)
    model = resnet_v2.build("R14x0.5", num_classes=3)
    seen = []
    dataset = tf.data.Dataset.from_tensors((tf.zeros([8, 32, 32, 3]), tf.one_hot([0] * 8, 3)))
    from components import progress

    with progress.listen(lambda *report: seen.append((report[1], report[3]["loss"]))):
        trainer.fine_tune(model, dataset.repeat(), RULE, micro_batch_size=2)
    assert [done for done, _ in seen] == [1, 2, 3]
    # Step 0 has learning rate 0 and a head of zeros: ln 3, averaged over the parts, not summed.
    assert seen[0][1] == pytest.approx(np.log(3), abs=1e-4)
