"""How good a model is, counted from its answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gate.measures import measure
from tests.components.gate.answers import shown

NAMES = ("ant", "bee", "cat")


def test_each_class_is_counted_by_its_pictures_and_by_its_answers():
    found = measure([shown("ant", "ant"), shown("ant", "ant"), shown("ant", "bee"),
                     shown("bee", "bee")])  # fmt: skip
    assert found.accuracy == 0.75
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    ant, bee = found.classes.values()
    assert (ant.recall, ant.precision) == (pytest.approx(2 / 3), 1.0)
    assert (bee.recall, bee.precision) == (1.0, 0.5)
    assert found.largest_class == ("ant", 3)


def test_a_class_that_is_only_answered_has_no_recall():
    found = measure([shown("ant", "cat"), shown("ant", "ant")])
    assert found.classes["cat"].recall is None
    assert found.classes["cat"].precision == 0.0
    assert found.recalls.keys() == {"ant"}


def test_a_label_among_the_best_five_is_right_for_top_5():
    many = tuple(f"class {number}" for number in range(8))
    found = measure([
        shown(label, "class 0", known=many) for label in ("class 0", "class 4", "class 5")
    ])  # fmt: skip
    assert found.top_5 == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx(1 / 3)


def test_an_answer_that_is_no_class_is_not_right_and_its_score_still_speaks_of_its_class():
    found = measure([shown("ant", "ant"), shown("ant", "ant", said="unknown"),
                     shown("bee", "ant", said="unknown"), shown("bee", "ant")])  # fmt: skip
    assert (found.accuracy, found.unknown) == (0.25, 2)
    assert (found.coverage, found.precision) == (0.5, 0.5)
    assert found.recalls == {"ant": 0.5, "bee": 0.0}
    assert list(found.classes) == ["ant", "bee"]
    assert found.classes["ant"].answered == 2
    (held,) = found.calibration
    assert held.accuracy == 0.5


def test_where_no_picture_is_answered_with_a_class_there_is_no_precision():
    found = measure([shown("ant", "ant", said="unknown"), shown("bee", "bee", said="unknown")])
    assert (found.coverage, found.precision, found.accuracy) == (0, None, 0)


def test_a_label_that_is_not_that_of_the_best_score_is_the_answer():
    found = measure([shown("ant", "ant", said="bee"), shown("bee", "bee", said="bee")])
    assert (found.accuracy, found.unknown) == (0.5, 0)


def test_scores_that_are_not_finite_are_counted_and_never_right():
    found = measure([shown("ant", None), shown("ant", "ant")])
    assert (found.unusable, found.accuracy, found.classes["ant"].recall) == (1, 0.5, 0.5)


@given(right=st.integers(0, 20), wrong=st.integers(1, 20), score=st.floats(0.4, 1))
def test_the_calibration_error_is_the_distance_between_score_and_accuracy(right, wrong, score):
    shows = [shown("ant", "ant", score=score)] * right + [shown("ant", "bee", score=score)] * wrong
    accuracy = right / (right + wrong)
    assert measure(shows).calibration_error == pytest.approx(abs(score - accuracy))


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1))
def test_all_measures_agree_with_their_definitions(pairs):
    found = measure(shown(label, best) for label, best in pairs)
    assert found.accuracy == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    assert sum(one.pictures for one in found.classes.values()) == len(pairs)
    assert sum(one.answered for one in found.classes.values()) == len(pairs)
    assert sum(one.pictures for one in found.calibration) == len(pairs)
    assert found.accuracy <= found.top_5 <= 1
