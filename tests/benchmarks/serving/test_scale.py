"""A run ends: every bound is a finite number, and every setting one that the server knows."""

import dataclasses
import math
from collections import Counter

import pytest

from benchmarks.serving import comparison, models, settings
from benchmarks.serving.scale import FULL, QUICK
from serving.server.options import Batching

SCALES = pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])


@SCALES
def test_every_bound_is_finite_and_positive(scale):
    bounds = {k: v for k, v in dataclasses.asdict(scale).items() if k != "model"}
    numbers = [*bounds.pop("batches"), *bounds.values()]
    assert all(math.isfinite(number) and number > 0 for number in numbers)


@SCALES
def test_rounds_are_even_so_that_both_orders_count_equally(scale):
    assert scale.rounds % 2 == 0


@SCALES
def test_a_turn_is_longer_than_what_is_not_counted(scale):
    assert scale.ramp_s < min(scale.turn_s, scale.setting_s)


@SCALES
def test_models_have_titles(scale):
    assert scale.model in models.TITLES


def test_quick_run_sends_less_than_a_full_one():
    for name in ("rounds", "turn_s", "overload_s", "swaps", "malformed", "soak", "soak_s"):
        assert getattr(QUICK, name) < getattr(FULL, name)


def test_everybody_is_first_and_last_equally_often():
    order = list(comparison.turns("abc", FULL.rounds))
    assert order[:6] == [*"abc", *"cba"]
    assert Counter(order[::3]) == {"a": FULL.rounds // 2, "c": FULL.rounds // 2}
    assert set(Counter(order).values()) == {FULL.rounds}


def test_settings_are_the_default_and_others_that_the_server_takes():
    known = {name: Batching(**arguments) for name, arguments in settings.SETTINGS.items()}
    assert known.pop(settings.DEFAULT) == Batching()
    assert Batching() not in known.values()
    for name, batching in known.items():
        field, value = name.split()
        assert getattr(batching, field) == float(value)
