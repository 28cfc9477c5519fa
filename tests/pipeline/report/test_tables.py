"""The tables of a report."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gate.measures import measure
from components.gate.predictions import Answer, Prediction
from pipeline.report import plots, tables
from tests.pipeline.report.making import make


def test_the_matrix_counts_each_picture_once():
    facts, picks, _ = make(4)
    found = tables.confusions(facts.measured.candidate, picks.matrix)
    assert found.labels == found.answers
    assert [sum(row) for row in found.counts] == [20] * 4
    assert sum(row[index] for index, row in enumerate(found.counts)) == sum(
        one.right for one in facts.measured.candidate.classes.values()
    )


def test_the_matrix_has_a_row_only_for_what_pictures_show_and_its_diagonal_is_what_is_right():
    found = measure(
        Prediction(f"{label}/{number}.jpg", "", label, Answer((answer,), (0.9,), 0.9))
        for number, (label, answer) in enumerate([("b", "b"), ("b", "a"), ("c", "c")])
    )
    matrix = tables.confusions(found, {("b", "b"): 1, ("b", "a"): 1, ("c", "c"): 1})
    assert matrix == tables.Confusions(["b", "c"], ["b", "c", "a"], [[1, 0, 1], [0, 1, 0]])


def test_what_is_written_as_csv_is_read_back():
    rows = [["a,b", 'c "d"'], ["line\nbreak", ""]]
    written = tables.as_csv(["one", "two"], rows).decode()
    assert list(csv.reader(io.StringIO(written))) == [["one", "two"], *rows]


def test_a_class_row_tells_the_change_against_the_model_in_service():
    facts, _, _ = make(3)
    for row in tables.classes(facts.measured):
        assert row["change"] == pytest.approx(row["recall"] - row["baseline_recall"])
    facts, _, _ = make(3, with_baseline=False)
    assert {row["change"] for row in tables.classes(facts.measured)} == {None}


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ticks_hold_all_values_between_few_round_numbers(low, span):
    ticks = plots._ticks(low, low + span)
    assert ticks[0] <= low + 1e-6 * max(1, abs(low), span)
    assert ticks[-1] >= low + span - 1e-6 * max(1, abs(low), span)
    assert 2 <= len(ticks) <= 8


@pytest.mark.parametrize(
    ("value", "ends"), [(0.35, (0, 1)), (1.0, (0, 1)), (0.0, (0, 1)), (7, (0, 8))]
)
def test_a_single_value_is_drawn_over_0(value, ends):
    ticks = plots._ticks(value, value)
    assert (ticks[0], ticks[-1]) == ends
