"""The teacher's probabilities survive their compact form."""

import numpy as np
import pytest

from bitpipe.errors import DataError
from pretraining import answers
from tests.pretraining.conftest import compact


def probabilities(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3, size=(20, 1000)).astype(np.float32)


def test_mass_is_one_and_what_is_not_kept_is_spread_evenly(logits):
    answered = compact(np.arange(20), logits)
    dense = answered.dense(np.arange(20))
    np.testing.assert_allclose(dense.sum(1), 1, rtol=1e-5)
    for row, kept in zip(dense, answered.indices, strict=True):
        rest = np.delete(row, kept)
        assert len(rest) == 1000 - answers.KEPT
        assert np.ptp(rest) == 0
        assert 0 < rest[0] < row[kept].min()


def test_the_most_probable_classes_keep_their_probabilities(logits):
    expected = probabilities(logits)
    dense = compact(np.arange(20), logits).dense(np.arange(20))
    order = np.argsort(-expected, axis=1)[:, : answers.KEPT]
    np.testing.assert_allclose(
        np.take_along_axis(dense, order, 1), np.take_along_axis(expected, order, 1), rtol=5e-3
    )


def test_a_teacher_that_is_sure_does_not_get_more_than_all_of_the_mass():
    logits = np.full((1, 1000), -40, np.float32)
    logits[0, : answers.KEPT] = 0  # in float16, the logarithm of 1/32 is too large by 0.0009
    dense = compact(np.arange(1), logits).dense(np.arange(1))
    assert dense.sum() == pytest.approx(1, abs=1e-6)
    assert dense.min() >= 0


def test_parts_are_read_up_to_the_first_gap(logits, tmp_path):
    for part in (0, 1, 3):
        numbers = np.arange(20) + 20 * part
        answers.save(answers.part_of(tmp_path, 0, part), compact(numbers, logits))
    assert answers.count_parts(tmp_path, 0) == 2
    np.testing.assert_array_equal(answers.read(tmp_path, 0).numbers, np.arange(40))
    assert len(answers.read(tmp_path, 0, parts=1)) == 20
    with pytest.raises(DataError, match=r"must have 3 parts. Received: 2"):
        answers.read(tmp_path, 0, parts=3)


def test_what_was_not_answered_says_which_step_is_missing(tmp_path):
    with pytest.raises(DataError, match="Run the step `answers` first"):
        answers.read(tmp_path, 0)
    with pytest.raises(DataError, match="Run the step `answers` first"):
        answers.read_judged(tmp_path)


def test_a_part_is_small(logits, tmp_path):
    answers.save(tmp_path / "part.npz", compact(np.arange(20), logits))
    assert (tmp_path / "part.npz").stat().st_size / 20 < 200 + 60  # bytes a picture and headers
