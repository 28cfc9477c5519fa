"""What is said of the time before there is anything to train on."""

import re

import pytest

from components.bit import hyperrule
from components.settings import ModelSettings, TrainSettings
from components.training import forecast

RULE = hyperrule.for_dataset(2900, 500 * 400)
SMALL = RULE.with_overrides(resize=256, crop=224)


@pytest.fixture
def say(monkeypatch):
    def run(train, rule=RULE, per_s=50e9, backbone="bit-m-r50x1"):
        monkeypatch.setattr(forecast, "_measured", lambda *_: per_s)
        monkeypatch.setattr(forecast.os, "sched_getaffinity", lambda _: {0, 1})
        return forecast.sentence("R50x1", ModelSettings(backbone=backbone), train, rule, 2900)

    return run


def test_the_hyperrule_on_a_cpu_is_told_in_hours_with_what_takes_minutes(say):
    told = say(TrainSettings())
    # 500 x 512 pictures at 480 px, 19e9 multiplications each, forward and 2.5 times that.
    assert "fine_tune would take at least 3 days here: 500 steps of 512 pictures at 480 px" in told
    assert "train.method=auto will measure" in told
    offers = re.findall(r"(--\S+(?: \S+)*?) \(about ([^)]+)\)", told)
    assert offers[0][0] == "--config photos"
    assert offers[1:] == [
        ("--set train.method=probe --set train.crop=224 --set train.resize=256", "8 min"),
        ("--set train.method=probe", "36 min"),
    ]
    assert "auto" not in say(TrainSettings(method="fine_tune"))


def test_the_configuration_laptop_is_not_measured(say):
    assert say(TrainSettings(method="probe"), SMALL, per_s=None) is None


def test_a_budget_that_is_too_small_is_told_for_a_probe_too(say):
    told = say(TrainSettings(method="probe", minutes=0.5), SMALL)
    assert told.startswith("probe will take about 8 min here: 2,900 pictures at 224 px. Faster:")
    assert "train.crop" not in told


def test_from_scratch_there_is_nothing_to_probe(say):
    assert "Faster" not in say(TrainSettings(method="fine_tune"), backbone="scratch")


def test_speed_is_measured_on_the_network_itself():
    assert 1e7 < forecast._measured("R14x0.5", 32) < 1e12
