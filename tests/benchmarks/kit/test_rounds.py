import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.kit import rounds
from benchmarks.kit.project import BenchmarkError
from benchmarks.kit.rounds import Goal

LOGITS = np.array([[1.0, -4.0], [2.0, 0.5]])


def recorder(turns, name, seconds):
    def run(iterations):
        turns.append((name, iterations))
        return [seconds] * iterations

    return run


def test_both_orders_count_equally():
    turns = []
    runs = {name: recorder(turns, name, 1.0) for name in "abc"}
    rounds.interleave(runs, 4, turn_s=1.0)
    assert [name for name, _ in turns] == [*"abc", *"abc", *"cba", *"abc", *"cba"]


@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=4), st.floats(1e-3, 10))
def test_all_get_as_many_iterations_as_the_slowest_fits_in_a_turn(seconds, turn_s):
    turns = []
    runs = {str(n): recorder(turns, str(n), value) for n, value in enumerate(seconds)}
    measured = rounds.interleave(runs, 2, turn_s)
    counts = {iterations for _, iterations in turns[len(runs) :]}
    assert len(counts) == 1
    count = counts.pop()
    assert 1 <= count <= rounds.MOST_ITERATIONS
    assert count == 1 or count * max(seconds) <= turn_s + max(seconds)
    assert {len(values) for values in measured.values()} == {2 * count}


def test_rounding_differences_are_equal():
    rounds.require_equal("a", {"a": LOGITS, "b": LOGITS + 1e-3}, training=False)
    rounds.require_equal("a", {"a": LOGITS, "b": LOGITS * 1.00005}, training=True)


def test_losses_are_held_to_more_than_logits():
    values = {"a": LOGITS, "b": LOGITS * 1.0005}
    rounds.require_equal("a", values, training=False)
    with pytest.raises(
        BenchmarkError, match=r"first losses of b differ from those of a by 5.0e-04"
    ):
        rounds.require_equal("a", values, training=True)


@pytest.mark.parametrize(
    "wrong", [LOGITS + 0.01, LOGITS[::-1], np.full_like(LOGITS, np.nan)], ids=str
)
def test_wrong_logits_are_refused(wrong):
    with pytest.raises(BenchmarkError, match=r"logits of b differ .* are not timed"):
        rounds.require_equal("a", {"a": LOGITS, "b": wrong}, training=False)


def test_other_shapes_are_refused():
    with pytest.raises(BenchmarkError, match=r"b answers \(1, 2\) values and a \(2, 2\)"):
        rounds.require_equal("a", {"a": LOGITS, "b": LOGITS[:1]}, training=False)


def test_bfloat16_is_allowed_more_but_not_everything():
    rounds.require_equal("a", {"a": LOGITS, "b": LOGITS * 1.02}, training=True, bfloat16="b")
    with pytest.raises(BenchmarkError):
        rounds.require_equal("a", {"a": LOGITS, "b": LOGITS * 1.05}, training=True, bfloat16="b")
    with pytest.raises(BenchmarkError):  # in float32 it is a mistake
        rounds.require_equal("a", {"a": LOGITS, "b": LOGITS * 1.02}, training=True, bfloat16="a")


@pytest.mark.parametrize(
    ("least", "ratio", "met"),
    [(1.3, 1.3, True), (1.3, 1.29, False), (1, 1.0, False), (1, 1.01, True), (1, None, None)],
)
def test_goal_is_met_when_reached_and_being_ahead_when_exceeded(least, ratio, met):
    assert Goal("", least, ratio).met is met


def test_fastest_of_a_family_is_by_median():
    median = rounds.medians({"a": [1, 1, 9], "b": [2, 2, 2], "c": [0.1]})
    families = {"a": "x", "b": "x", "c": "y"}
    assert rounds.fastest(median, families, "x") == "a"
    assert rounds.fastest(median, families, "z") is None
