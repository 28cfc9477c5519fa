"""The page says what was measured, what was not, and draws it."""

import datetime
import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.transfer import cells, figure, report
from benchmarks.transfer.cells import FINE_TUNE, SCRATCH, Cell
from benchmarks.transfer.results import Measured, Results
from components.training.method import BOTH, PROBE

LINES = [
    figure.Line("probe", [(1, 0.3, 0.4, 0.5), (10, 0.5, 0.6, 0.7), (100, 0.7, 0.8, 0.9)]),
    figure.Line("a & b", [(1, 0.2, 0.25, 0.3), (100, 0.4, 0.5, 0.6)]),
]


@pytest.fixture
def page(tmp_path):
    results = Results(tmp_path / "cache", "weights")

    def write():
        report.write(results, tmp_path, "a machine", datetime.date(2026, 1, 2))
        return (tmp_path / "transfer.md").read_text()

    return results, write, tmp_path


def add(results, method, shots, accuracies, kind="accuracy", data="tf_flowers", **facts):
    for seed, accuracy in enumerate(accuracies):
        cell = Cell(kind, data, method, shots, seed)
        for one in cells.tried_for(cell):
            results.add(Measured(one, 0.5, 1.0, {"pictures": 100, "rate": one.rate}))
        facts = {"pictures": 2954, "rate": results.rate_for(cell), **facts}
        results.add(Measured(cell, accuracy, 1.0, facts))


def test_a_row_holds_median_minimum_and_maximum_and_says_which_seeds_lack(page):
    results, write, _ = page
    add(results, PROBE, 25, [0.7, 0.5, 0.6, 0.9, 0.9])
    add(results, BOTH, 25, [0.4, 0.6, 0.5])
    row = next(line for line in write().splitlines() if line.startswith("| 25 | 0"))
    assert row == (
        "| 25 | 0.700 (0.500 to 0.900) | not measured | 0.500 (0.400 to 0.600, 3 of 5 seeds) "
        "| not measured | not measured |"
    )


def test_what_lacks_is_counted_by_name(page):
    results, write, _ = page
    lacking = Cell("accuracy", "cifar10", SCRATCH, 500, 4)
    curve = {"pictures": 100, "curve": [[0, 0.2], [20, 0.5], [60, 0.6]]}
    for cell in cells.grid(list(report.DATA)):
        if cell != lacking:
            results.add(Measured(cell, 0.5, 1.0, curve | {"rate": results.rate_for(cell)}))
    found = write()
    assert "1 run:" in found
    assert "| cifar10 | accuracy | from scratch | 500 | 1 |" in found
    results.add(Measured(lacking, 0.5, 1.0, curve | {"rate": results.rate_for(lacking)}))
    assert "all cells are there" in write()


@pytest.mark.parametrize(("transferred", "verdict"), [(0.75, "yes"), (0.74, "NO")])
def test_half_of_the_error_is_judged_by_the_best_method(page, transferred, verdict):
    results, write, _ = page
    add(results, SCRATCH, 5, [0.5] * 5)
    add(results, PROBE, 5, [transferred] * 5)
    add(results, FINE_TUNE, 5, [0.3] * 5)
    row = next(line for line in write().splitlines() if line.endswith(f"| {verdict} |"))
    assert row.startswith("| tf_flowers | 5 | 0.500 |")
    assert "(probe)" in row


def test_the_curve_tells_the_share_reached_within_20_steps(page):
    results, write, folder = page
    curve = [[0, 0.2], [20, 0.6], [60, 0.8]]
    add(results, FINE_TUNE, None, [0.8], kind="curve", curve=curve)
    assert "0.600 after 20 steps, 0.800 after 60: 75%" in write()
    assert (folder / "transfer-steps.svg").exists()


def test_a_page_without_a_result_claims_nothing(page):
    _, write, folder = page
    assert not re.search(r"\d\.\d{3} \(", write())
    assert not list(folder.glob("*.svg"))


def drawn(lines=LINES, logarithmic=True):
    ticks = [(1, "1"), (10, "10"), (100, "all")]
    text = figure.draw("t < u", lines, across="x", ticks=ticks, logarithmic=logarithmic)
    return ElementTree.fromstring(text), text


def numbers(text):
    return [tuple(map(float, pair.split(","))) for pair in text.split()]


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis():
    root, _ = drawn()
    way = root.findall("{*}polyline")[0].attrib["points"]
    (a, _), (b, _), (c, _) = numbers(way)
    assert b - a == pytest.approx(c - b, abs=0.2)
    root, _ = drawn(logarithmic=False)
    (a, _), (b, _), (c, _) = numbers(root.findall("{*}polyline")[0].attrib["points"])
    assert (b - a) / (c - a) == pytest.approx(9 / 99, abs=0.01)


def test_the_band_goes_from_minimum_to_maximum_around_the_median():
    root, _ = drawn()
    band = numbers(root.findall("{*}polygon")[0].attrib["points"])
    line = numbers(root.findall("{*}polyline")[0].attrib["points"])
    highest, lowest = band[: len(line)], band[len(line) :][::-1]
    for (_, low), (_, middle), (_, high) in zip(lowest, line, highest, strict=True):
        assert high < middle < low  # y goes down


def test_a_figure_is_valid_follows_light_and_dark_and_names_its_lines():
    root, text = drawn()
    assert "prefers-color-scheme: dark" in text
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"t < u", "probe", "a & b", "all"} <= texts
