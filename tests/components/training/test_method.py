"""`auto` decides as its table says, and the table of the README is that of the code."""

import re
from pathlib import Path

import pytest

from components.training import method
from components.training.durations import in_words
from components.training.method import BOTH, FINE_TUNE, PROBE, Estimate, Facts, choose

README = Path(__file__).parents[3] / "README.md"
UNKNOWN = {}  # an estimate that is looked up without need is a KeyError


def facts(pretrained=True, one_machine=True, accelerated=False, minutes=None, pictures=1000.0):
    return Facts(pretrained, one_machine, accelerated, minutes, pictures)


def estimates(probe, fine_tune):
    """In minutes."""
    return {
        PROBE: Estimate(60 * probe),
        FINE_TUNE: Estimate(60 * fine_tune),
        BOTH: Estimate(60 * (probe + fine_tune)),
    }


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("minutes", [None, 1.0, 1e6])
@pytest.mark.parametrize("one_machine", [False, True])
def test_from_scratch_all_is_trained(accelerated, minutes, one_machine):
    chosen = choose(facts(False, one_machine, accelerated, minutes), UNKNOWN)
    assert chosen.method == FINE_TUNE
    assert "from scratch" in chosen.reason


@pytest.mark.parametrize("minutes", [None, 1.0])
def test_several_workers_or_a_tpu_train_all(minutes):
    several = facts(one_machine=False, accelerated=True, minutes=minutes)
    assert several.budget_s is None  # nothing is measured
    chosen = choose(several, UNKNOWN)
    assert (chosen.method, "one machine" in chosen.reason) == (FINE_TUNE, True)


@pytest.mark.parametrize("minutes", [None, 1.0, 1e6])
@pytest.mark.parametrize(("pictures", "few"), [(1, True), (199.9, True), (200, False)])
def test_a_cpu_with_few_pictures_probes_however_much_time_there_is(minutes, pictures, few):
    given = facts(minutes=minutes, pictures=pictures)
    assert (given.budget_s is None) == few  # nothing is measured
    chosen = choose(given, UNKNOWN if few else estimates(0.1, 0.2))
    assert chosen.method == (PROBE if few else BOTH)
    told = f"fewer than 200 pictures a class ({int(pictures)})"  # never "200 are fewer than 200"
    assert (told in chosen.reason) == few


@pytest.mark.parametrize("minutes", [None, 5.0])
def test_a_gpu_decides_by_time_alone(minutes):
    given = facts(accelerated=True, minutes=minutes, pictures=1)
    assert choose(given, estimates(1, 2)).method == (FINE_TUNE if minutes is None else BOTH)


def test_from_scratch_few_pictures_are_no_reason_to_probe():
    assert choose(facts(pretrained=False, pictures=1), UNKNOWN).method == FINE_TUNE


def test_a_gpu_without_a_limit_trains_all_as_the_paper_does():
    chosen = choose(facts(accelerated=True), UNKNOWN)
    assert (chosen.method, "GPU" in chosen.reason) == (FINE_TUNE, True)


@pytest.mark.parametrize(
    ("probe", "fine_tune", "minutes", "expected"),
    [
        (1, 8.9, None, BOTH),  # 10 on a CPU
        (1, 9.1, None, PROBE),  # a head of zeros ends below it
        (1, 10.1, None, PROBE),
        (11, 300, None, PROBE),  # none fits
        (1, 10.1, 12, BOTH),
        (1, 2, 2.5, PROBE),
        (0.5, 2, 1, PROBE),
        (2, 3, 1, PROBE),
    ],
)
@pytest.mark.parametrize("accelerated", [False, True])
def test_time_takes_the_best_that_fits(accelerated, probe, fine_tune, minutes, expected):
    if accelerated and minutes is None:
        minutes = method.CPU_MINUTES
    given = facts(accelerated=accelerated, minutes=minutes)
    chosen = choose(given, estimates(probe, fine_tune))
    assert chosen.method == expected
    assert ("a GPU" if accelerated else "a CPU") in chosen.reason
    assert ("no train.minutes" in chosen.reason) == (minutes is None)
    if probe > (minutes or method.CPU_MINUTES):
        assert "no method fits" in chosen.reason


def test_the_reason_names_what_would_take_too_long_and_how_long():
    late = estimates(2, 150) | {BOTH: Estimate(9000, at_least=True)}
    assert choose(facts(), late).reason == (
        "no train.minutes, so 10 on a CPU: it fits, probe_then_fine_tune (at least 2.5 h) would not"
    )


def test_the_readme_shows_the_table_of_the_code():
    def rows(text):
        return [
            line for line in text.splitlines() if re.match(r"\| (from scratch|pre-trained)", line)
        ]

    table = rows(method.__doc__)
    assert len(table) == 6
    assert rows(README.read_text(encoding="utf-8")) == table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (45.4, "45 s"),
        (89.6, "90 s"),
        (100, "2 min"),
        (3600, "60 min"),
        (5400, "1.5 h"),
        (111_600, "31 h"),
        (260_000, "3 days"),
    ],
)
def test_a_forecast_has_a_digit_or_two(seconds, words):
    assert in_words(seconds) == words
