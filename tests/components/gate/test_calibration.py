"""What a temperature and a threshold are fitted on, and what comes of it."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from bitpipe.errors import DataError
from components.gate import settings
from components.gate.calibration import fitting, part
from components.gate.settings import GateSettings, RejectBelow

rows = st.lists(
    st.tuples(st.sampled_from([b"ant", b"bee", b"cat"]), st.integers(0, 30)), max_size=40
).map(lambda drawn: [(label, hashlib.sha256(b"%d" % n).hexdigest().encode()) for label, n in drawn])


@given(rows, st.floats(0.01, 0.99))
def test_each_class_keeps_pictures_that_judge_it_whatever_is_fitted_on(rows, share):
    chosen = part.fitted(rows, share)
    assert chosen <= {digest for _, digest in rows}
    for label in {label for label, _ in rows}:
        digests = {digest for other, digest in rows if other == label}
        assert digests - chosen
    assert chosen == part.fitted(rows[::-1], share)


@pytest.mark.parametrize(
    ("told", "counts", "fits"),
    [
        ({"calibrate": True}, [6, 6, 9], False),
        ({"calibrate": True, "calibration_share": 0.6}, [6, 6, 9], True),
        ({"reject_below": RejectBelow(precision=0.9)}, [3] * 40, False),  # of each none
        ({"reject_below": RejectBelow(precision=0.9)}, [4] * 10, True),
        ({"reject_below": 0.5}, [1, 1], True),
        ({}, [1, 1], True),
    ],
)
def test_too_few_pictures_to_be_fitted_on_are_refused_before_anything_is_trained(
    told, counts, fits
):
    if fits:
        settings.check_pictures(GateSettings(**told), counts)
    else:
        with pytest.raises(DataError, match=rf"at least 10 .* of {sum(counts)} evaluation"):
            settings.check_pictures(GateSettings(**told), counts)


def test_a_picture_that_is_added_moves_few():
    rows = [(b"ant", hashlib.sha256(b"%d" % n).hexdigest().encode()) for n in range(200)]
    before, after = part.fitted(rows[:199], 0.3), part.fitted(rows, 0.3)
    assert len(before) == 59
    assert len(before ^ after) <= 2


def sharpened(by, seed=0, pictures=4000):
    """Scores that are right as often as they say, and the same `by` times as sure."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(pictures, 4))
    scores = special.softmax(logits, axis=1)
    truth = np.array([random.choice(4, p=row) for row in scores])
    return special.softmax(by * logits, axis=1).astype(np.float32), truth


@pytest.mark.parametrize("by", [0.5, 1.0, 3.0])
def test_a_temperature_takes_back_what_made_a_model_too_sure_or_too_unsure(by):
    scores, truth = sharpened(by)
    found = fitting.temperature(scores, truth)
    assert found == pytest.approx(by, rel=0.08)
    np.testing.assert_allclose(
        fitting.tempered(scores, found).max(axis=1), sharpened(1.0)[0].max(axis=1), atol=0.03
    )


def test_pictures_that_are_all_right_tell_no_temperature():
    assert (
        fitting.temperature(np.array([[0.6, 0.4], [0.3, 0.7]], np.float32), np.array([0, 1]))
        is None
    )


scored = st.lists(st.tuples(st.floats(0.0625, 1, width=32), st.booleans()), min_size=1, max_size=30)


@given(scored, st.floats(0.01, 1.0))
def test_above_a_threshold_enough_answers_are_right_and_no_lower_one_does_it(scored, wanted):
    best = np.array([score for score, _ in scored], np.float32)
    is_right = np.array([right for _, right in scored])
    found = fitting.threshold(best, is_right, wanted)
    # All that could be told apart: one between each two scores.
    shares = {
        score: is_right[best >= score].mean() >= wanted - 1e-9
        for score in sorted(set(best.tolist()))
    }
    if found is None:
        assert not any(shares.values())
    else:
        answered = best[best >= np.float32(found)]
        assert shares[float(answered.min())]
        assert not any(is_enough for score, is_enough in shares.items() if score < answered.min())
