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

    last_probe = max(place for place, cell in enumerate(GRID) if cell.method in cells.PROBES)
    rate = first(lambda cell: cell.kind == "rate")
    trained = first(lambda cell: cell.kind == "accuracy" and cell.method not in cells.PROBES)
    many = first(lambda cell: cell.method == FINE_TUNE and cell.shots == 100)
    few = max(
        place
        for place, cell in enumerate(GRID)
        if cell.kind == "accuracy" and cell.method == BOTH and cell.shots in (1, 5, 25)
    )
    assert last_probe < rate < trained < few < many


@pytest.mark.parametrize("names", [list(DATA), *([name] for name in DATA)])
def test_no_rate_is_wanted_before_it_was_tried(names):
    before = set()
    for cell in cells.grid(names):
        assert set(cells.tried_for(cell)) <= before
        before.add(cell)
    assert not cells.tried_for(CELL)
    assert all(cells.tried_for(cell) for cell in GRID if cell.kind == "curve")


@pytest.mark.parametrize(("pictures", "steps"), [(5, 100), (1066, 100), (1067, 101), (2954, 277)])
def test_networks_get_three_passes_or_a_hundred_steps(pictures, steps):
    assert cells.steps(pictures) == steps


def test_what_was_measured_is_there_for_the_next_run(tmp_path):
    Results(tmp_path, "w").add(measured(curve=[[0, 0.1]]))
    found = Results(tmp_path, "w").get(CELL)
    assert found == measured(curve=[[0, 0.1]])


def test_a_line_that_a_kill_cut_is_measured_again_and_harms_no_other(tmp_path):
    Results(tmp_path, "w").add(measured())
    place = tmp_path / FILE
    place.write_text(place.read_text() + '{"cell": {"kind": "acc')
    results = Results(tmp_path, "w")
    other = Cell("accuracy", "digits", PROBE, 5, 1)
    assert CELL in results
    assert other not in results
    results.add(measured(other))
    assert {CELL, other} <= {cell for cell in GRID if cell in Results(tmp_path, "w")}


def test_what_lies_beside_the_page_needs_no_cache_and_what_the_cache_holds_is_newer(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    other = Cell("accuracy", "digits", PROBE, 5, 1)
    results = Results(tmp_path / "a", "w")
    for cell in (other, CELL):
        results.add(measured(cell))
    results.publish(docs)
    elsewhere = Results(tmp_path / "b", "w", docs)
    assert elsewhere.get(CELL) == measured()
    elsewhere.add(measured(accuracy=0.9))
    again = Results(tmp_path / "b", "w", docs)
    assert (again.get(CELL), again.get(other)) == (measured(accuracy=0.9), measured(other))


TRAINED = Cell("accuracy", "ants_bees", BOTH, None, 3)


def try_rates(results, accuracies):
    for cell, accuracy in zip(cells.tried_for(TRAINED), accuracies, strict=False):
        results.add(measured(cell, accuracy, rate=cell.rate))


def test_the_best_rate_is_known_when_all_were_tried_and_of_equals_the_gentlest(tmp_path):
    results = Results(tmp_path, "w")
    try_rates(results, [0.6, 0.7, 0.7])
    assert results.rate_for(TRAINED) is None
    try_rates(results, [0.6, 0.7, 0.7, 0.5])
    assert results.rate_for(TRAINED) == 0.003
    assert results.rate_for(cells.tried_for(TRAINED)[0]) == 0.001


def test_what_was_trained_at_another_rate_is_measured_again(tmp_path):
    results = Results(tmp_path, "w")
    try_rates(results, [0.6, 0.7, 0.6, 0.5])
    results.add(measured(TRAINED, rate=0.01))
    assert TRAINED not in results
    assert not results.of("accuracy", "ants_bees", BOTH)
    results.add(measured(TRAINED, rate=0.003))
    assert TRAINED in Results(tmp_path, "w")


def test_what_another_backbone_reached_is_measured_again(tmp_path):
    Results(tmp_path, "w").add(measured())
    assert CELL in Results(tmp_path, "w")
    assert CELL not in Results(tmp_path, "x")
