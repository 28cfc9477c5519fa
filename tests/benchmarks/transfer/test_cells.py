"""The order of the cells, the equal budget, and what is kept of them."""

import itertools

import pytest

from benchmarks.transfer import cells
from benchmarks.transfer.cells import Cell
from benchmarks.transfer.datasets import DATA
from benchmarks.transfer.results import FILE, Measured, Results
from components.training.method import BOTH, FINE_TUNE, PROBE

GRID = cells.grid(list(DATA))
CELL = Cell("accuracy", "digits", PROBE, 5, 0)


def measured(cell=CELL, accuracy=0.5, **facts):
    return Measured(cell, accuracy, 1.0, {"pictures": 50, **facts})


def test_every_count_of_pictures_meets_every_method_with_five_seeds():
    there = {cell for cell in GRID if cell.kind == "accuracy"}
    wanted = {
        Cell("accuracy", data.name, method, shots, seed)
        for data in DATA.values()
        for shots, method, seed in itertools.product(data.shots, cells.METHODS, range(5))
    }
    assert there == wanted


def test_what_is_ended_early_has_the_cheapest_and_the_fewest_pictures_first():
    def first(matches):
        return next(place for place, cell in enumerate(GRID) if matches(cell))

    last_probe = max(place for place, cell in enumerate(GRID) if cell.method == PROBE)
    rate = first(lambda cell: cell.kind == "rate")
    trained = first(lambda cell: cell.kind == "accuracy" and cell.method != PROBE)
    many = first(lambda cell: cell.method == FINE_TUNE and cell.shots == 100)
    few = max(
        place
        for place, cell in enumerate(GRID)
        if cell.kind == "accuracy" and cell.method != PROBE and cell.shots in (1, 5, 25)
    )
    assert last_probe < rate < trained < few < many


def test_no_rate_is_wanted_before_it_was_tried():
    tried = set()
    for cell in GRID:
        if cell.kind == "rate":
            tried.add((cell.data, cell.method, cell.rate))
        elif cell.method in cells.RATES:
            source = cells.source_of_rate(cell)
            assert {(source, cell.method, r) for r in cells.RATES[cell.method]} <= tried


@pytest.mark.parametrize(("pictures", "steps"), [(5, 100), (1066, 100), (1067, 101), (2954, 277)])
def test_networks_get_three_passes_or_a_hundred_steps(pictures, steps):
    assert cells.steps(pictures) == steps


def test_what_was_measured_is_there_for_the_next_run(tmp_path):
    Results(tmp_path).add(measured(curve=[[0, 0.1]]))
    found = Results(tmp_path).get(CELL)
    assert found == measured(curve=[[0, 0.1]])


def test_a_line_that_a_kill_cut_is_measured_again_and_harms_no_other(tmp_path):
    Results(tmp_path).add(measured())
    place = tmp_path / FILE
    place.write_text(place.read_text() + '{"cell": {"kind": "acc')
    results = Results(tmp_path)
    other = Cell("accuracy", "digits", PROBE, 5, 1)
    assert CELL in results
    assert other not in results
    results.add(measured(other))
    assert {CELL, other} <= {cell for cell in GRID if cell in Results(tmp_path)}


def test_the_best_rate_is_known_when_all_were_tried_and_of_equals_the_gentlest(tmp_path):
    results = Results(tmp_path)
    rates = (0.1, 0.01, 0.001)
    for rate, accuracy in ((0.1, 0.7), (0.01, 0.7)):
        results.add(measured(Cell("rate", "digits", BOTH, 25, 0, rate), accuracy))
    assert results.best_rate("digits", BOTH, rates) is None
    results.add(measured(Cell("rate", "digits", BOTH, 25, 0, 0.001), 0.6))
    assert results.best_rate("digits", BOTH, rates) == 0.01
