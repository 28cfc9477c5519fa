"""The tables of a report."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import plots, tables
from tests.pipeline.report.making import make


@given(st.integers(1, 10**6), st.data())
def test_wilsons_interval_holds_the_share_and_stays_within_0_and_1(pictures, data):
    right = data.draw(st.integers(0, pictures))
    low, high = tables.wilson(right, pictures)
    assert 0 <= low <= right / pictures <= high <= 1


def test_wilsons_interval_is_the_published_one():
    assert tables.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert tables.wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_the_matrix_counts_each_picture_once():
    facts, picks, _ = make(4)
    names = list(facts.measured.candidate.classes)
    counts = tables.matrix(names, picks.matrix)
    assert [sum(row) for row in counts] == [20] * 4
    assert sum(row[index] for index, row in enumerate(counts)) == sum(
        one.right for one in facts.measured.candidate.classes.values()
    )


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
