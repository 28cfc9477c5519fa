"""A batch is a function of seed and step, and shows what it says."""

import numpy as np
import pytest

from pretraining.batches import Source, Targets


@pytest.fixture
def source(stored, answered):
    def make(labels=0.0, mixup=0.0, seed=0, batch=16):
        return Source(stored, [answered, answered], seed, batch, Targets(labels, mixup))

    return make


def test_the_same_step_gives_the_same_batch_and_others_differ(source):
    first, again = source(mixup=0.2).make(3, 16), source(mixup=0.2).make(3, 16)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.targets, again.targets)
    for other in (source(mixup=0.2).make(4, 16), source(mixup=0.2, seed=1).make(3, 16)):
        assert not np.array_equal(first.images, other.images)


def test_a_picture_that_comes_again_is_moved_and_mixed_otherwise(source):
    batches = source(mixup=1.0)
    batches._order = lambda _: np.arange(16)
    first, later = batches.make(0, 16), batches.make(1, 16)
    assert not np.allclose(first.images, later.images)
    assert not np.allclose(first.targets, later.targets)


def test_images_and_targets_have_their_ranges(source):
    batch = source(labels=0.3, mixup=0.2).make(0, 24)
    assert batch.images.shape == (16, 24, 24, 3)
    assert batch.images.dtype == np.float32
    assert 0 <= batch.images.min() < batch.images.max() <= 1
    np.testing.assert_allclose(batch.targets.sum(1), 1, rtol=1e-5)


def test_every_view_of_every_picture_comes_once_a_round(source, answered):
    batches = source(batch=2)
    count = len(batches)
    assert count == 2 * len(answered)
    order = np.concatenate([batches._order(step) for step in range(count // 2)])
    assert sorted(order) == list(range(count))
    again = np.concatenate([batches._order(step) for step in range(count // 2, count)])
    assert sorted(again) == list(range(count))
    assert not np.array_equal(order, again)


def test_a_round_may_end_within_a_batch(source):
    batches = source(batch=50)
    count = len(batches)
    steps = -(-2 * count // 50)
    order = np.concatenate([batches._order(step) for step in range(steps)])[: 2 * count]
    assert (np.bincount(order) == 2).all()


def test_labels_alone_leave_nothing_of_the_teacher(source, stored):
    targets = source(labels=1.0).make(0, 16).targets
    assert set(np.unique(targets)) == {0, 1}
    assert set(targets.argmax(1)) <= set(stored.labels)


def test_mixup_mixes_pictures_and_targets_by_the_same_shares(source):
    plain, mixed = source(labels=1.0).make(0, 16), source(labels=1.0, mixup=1.0).make(0, 16)
    different = plain.targets.argmax(1) != plain.targets[::-1].argmax(1)
    assert different.any()
    for place in np.flatnonzero(different):
        share = mixed.targets[place, plain.targets[place].argmax()]
        expected = share * plain.images[place] + (1 - share) * plain.images[15 - place]
        np.testing.assert_allclose(mixed.images[place], expected, atol=1e-5)
