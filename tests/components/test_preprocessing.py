"""The transform graph decodes every accepted form and resizes as the reference does."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components import features, preprocessing
from tests.pictures import picture


def encoded(array, form="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form)
    return buffer.getvalue()


RAMP = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(RAMP, id="grey"),
        pytest.param(np.dstack([RAMP] * 3), id="rgb"),
        pytest.param(np.dstack([RAMP, RAMP, RAMP, np.full_like(RAMP, 255)]), id="rgba"),
        pytest.param(RAMP.astype(np.uint16) * 257, id="16 bit"),
    ],
)
def test_pixels_arrive_unchanged_in_the_unit_range(array):
    (decoded,) = preprocessing.decode_batch(tf.constant([encoded(array)]), 4).numpy()
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, np.dstack([RAMP] * 3) / 255, atol=1e-6)


def test_what_is_transparent_is_shown_on_white():
    rgba = np.dstack([RAMP, RAMP, RAMP, RAMP.T])
    (decoded,) = preprocessing.decode_batch(tf.constant([encoded(rgba)]), 4).numpy()
    alpha = RAMP.T / 255
    expected = RAMP / 255 * alpha + 1 - alpha
    np.testing.assert_allclose(decoded, np.dstack([expected] * 3), atol=0.5 / 255 + 1e-6)


def test_pictures_of_any_size_and_form_share_a_batch():
    batch = [picture("red", size=(31, 7)), picture("red", size=(5, 90), form="JPEG")]
    decoded = preprocessing.decode_batch(tf.constant(batch), 24).numpy()
    assert decoded.shape == (2, 24, 24, 3)
    np.testing.assert_allclose(decoded.mean((1, 2)), np.array([[220, 30, 30]] * 2) / 255, atol=0.02)


def test_halving_averages_neighbours_as_bilinear_without_antialiasing_does():
    (halved,) = preprocessing.decode_batch(tf.constant([encoded(RAMP)]), 2).numpy()
    expected = RAMP.reshape(2, 2, 2, 2).mean((1, 3)) / 255
    np.testing.assert_allclose(halved[..., 0], expected, atol=1e-6)


def test_the_graph_gives_both_sizes_and_a_vocabulary_by_frequency(transform_output):
    names = transform_output.vocabulary_by_name(preprocessing.VOCABULARY)
    assert names == [b"green", b"red", b"blue"]
    layer = transform_output.transform_features_layer()
    answer = layer(
        {
            features.IMAGE: tf.constant([[picture("red")], [picture("blue")]]),
            features.LABEL: tf.constant([["red"], ["purple"]]),
        }
    )
    assert answer[preprocessing.TRAIN_IMAGE].shape == (2, 20, 20, 3)
    assert answer[preprocessing.EVAL_IMAGE].shape == (2, 16, 16, 3)
    assert answer[preprocessing.LABEL].numpy().ravel().tolist() == [1, -1]


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_is_sent_large_is_seen_as_the_ingest_scaled_it(form):
    """Else a model would be shown smoother pictures in training than in service."""
    from bitpipe.pictures.normalise import normalise

    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (60, 80, 3), np.uint8))
    fine = np.asarray(coarse.resize((1600, 1200), Image.Resampling.NEAREST), int)
    fine = (fine + random.integers(-60, 60, fine.shape)).clip(0, 255).astype(np.uint8)
    with io.BytesIO() as buffer:
        Image.fromarray(fine).save(buffer, form, quality=95)
        sent = buffer.getvalue()
    stored = normalise(sent, longest_side=256).data
    both = preprocessing.decode_batch(tf.constant([sent, stored]), 96, longest_side=256).numpy()
    plain = preprocessing.decode_batch(tf.constant([sent, stored]), 96).numpy()
    skew, skew_without = (np.abs(found[0] - found[1]).mean() * 255 for found in (both, plain))
    # What is stored was compressed once more.
    assert skew < {"JPEG": 3, "PNG": 0.1}[form] < 6 < skew_without
    # And a stored picture as ever.
    np.testing.assert_array_equal(both[1], plain[1])
