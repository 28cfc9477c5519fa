"""Crop, flip and MixUp keep what they must and are random where they should be."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings import LabelSafe
from components.training import augment

NEITHER = LabelSafe(crop=False, flip=False)


def gradient(size):
    """A picture whose value names its column: (size, size, 3) uint8."""
    return tf.constant(np.tile(np.arange(size, dtype=np.uint8)[None, :, None], (size, 1, 3)))


def augmented(image, count, **arguments):
    return [
        augment.crop_and_flip(image, tf.constant([7, index], tf.int64), **arguments).numpy()
        for index in range(count)
    ]


def test_flip_hits_about_half_of_the_pictures():
    # The reference flips every one of them.
    pictures = augmented(gradient(8), 400, crop=8, label_safe=LabelSafe(crop=True, flip=True))
    flipped = sum(picture[0, 0, 0] == 7 for picture in pictures)
    assert 160 < flipped < 240


def test_without_flip_no_picture_is_mirrored():
    pictures = augmented(gradient(8), 50, crop=8, label_safe=LabelSafe(flip=False))
    assert all((picture == gradient(8).numpy()).all() for picture in pictures)


def test_crops_are_windows_of_the_picture_at_random_places():
    pictures = augmented(gradient(12), 60, crop=8, label_safe=LabelSafe(flip=False))
    lefts = {int(picture[0, 0, 0]) for picture in pictures}
    assert lefts == {0, 1, 2, 3, 4}
    for picture in pictures:
        assert picture.shape == (8, 8, 3)
        assert (np.diff(picture[0, :, 0].astype(int)) == 1).all()


def test_where_a_crop_destroys_the_label_the_whole_picture_is_shown():
    (first, *others) = augmented(gradient(12), 5, crop=8, label_safe=NEITHER)
    assert first.shape == (8, 8, 3)
    assert first.dtype == np.uint8
    assert (first[0, 0, 0], first[0, -1, 0]) == (0, 11 - 1)  # bilinear: the outermost centres
    assert all((other == first).all() for other in others)


def test_the_same_seed_gives_the_same_picture():
    seed = tf.constant([1, 2], tf.int64)
    safe = LabelSafe()
    one, two = (augment.crop_and_flip(gradient(12), seed, crop=8, label_safe=safe) for _ in "ab")
    np.testing.assert_array_equal(one, two)


@settings(max_examples=30)
@given(
    seed=st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)),
    alpha=st.sampled_from([0.1, 0.4, 1.0, 10.0]),
    size=st.integers(1, 5),
)
def test_mixup_is_one_convex_mix_of_the_batch_and_its_reverse(seed, alpha, size):
    rng = np.random.default_rng(0)
    images = rng.random((size, 2, 2, 3), dtype=np.float32)
    labels = np.eye(6, dtype=np.float32)[np.arange(size)]
    mixed, mixed_labels = augment.mixup(
        tf.constant(images), tf.constant(labels), tf.constant(seed, tf.int64), alpha=alpha
    )
    np.testing.assert_allclose(mixed_labels.numpy().sum(1), 1, atol=1e-5)
    if size == 1:
        np.testing.assert_allclose(mixed, images, atol=1e-5)
        return
    share = mixed_labels.numpy()[0, 0]
    assert -1e-6 <= share <= 1 + 1e-6
    np.testing.assert_allclose(mixed, share * images + (1 - share) * images[::-1], atol=1e-5)
    np.testing.assert_allclose(mixed_labels, share * labels + (1 - share) * labels[::-1], atol=1e-5)


def test_mixup_draws_lambda_from_the_beta_distribution():
    pair = tf.constant([[[[0.0]]], [[[1.0]]]])
    labels = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    shares = np.array(
        [
            augment.mixup(pair, labels, tf.constant([3, i], tf.int64), alpha=0.1)[1].numpy()[0, 0]
            for i in range(400)
        ]
    )
    # Beta(0.1, 0.1): mean 1/2, variance 1/4 / (2 * 0.1 + 1) = 0.208.
    assert shares.mean() == pytest.approx(0.5, abs=0.08)
    assert shares.var() == pytest.approx(0.208, abs=0.03)
