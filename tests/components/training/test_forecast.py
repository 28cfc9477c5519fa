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
    def run(
        train=TrainSettings(),  # noqa: B008
        rule=RULE,
        per_s=50e9,
        backbone="bit-m-r50x1",
        pictures=2900,
        classes=5,
    ):
        monkeypatch.setattr(forecast, "_measured", lambda *_: per_s)
        monkeypatch.setattr(forecast.os, "sched_getaffinity", lambda _: {0, 1})
        model = ModelSettings(backbone=backbone)
        return forecast.sentence("R50x1", model, train, rule, pictures, classes)

    return run


def offered(told):
    return re.findall(r"(--\S+(?: \S+)*?) \(about ([^)]+)\)", told)


def test_the_hyperrule_on_a_cpu_is_told_in_hours_with_what_takes_minutes(say):
    told = say(TrainSettings(method="fine_tune"))
    # 500 x 512 pictures at 480 px, 19e9 multiplications each, forward and 2.5 times that.
    assert told.startswith(
        "fine_tune would take at least 3 days here: 500 steps of 512 pictures at 480 px. Faster:"
    )
    assert offered(told) == [
        ("--set train.method=probe --set train.crop=224 --set train.resize=256", "4 min"),
        ("--config photos", "6 min"),
        ("--set train.method=probe", "18 min"),
    ]


def test_auto_is_told_with_what_it_will_take(say):
    told = say()
    assert told.startswith(
        "probe, the least that train.method=auto can take, will take about 18 min here: "
        "2,900 pictures at 480 px. Faster: "
    )
    assert offered(told) == [
        ("--set train.crop=224 --set train.resize=256", "4 min"),
        ("--config photos", "6 min"),
    ]
    assert say(rule=SMALL) is None  # the probe fits into ten minutes
    assert "auto can take, will take" in say(TrainSettings(minutes=3), rule=SMALL)


def test_auto_is_no_alarm_where_few_pictures_are_probed(say):
    assert say(pictures=200, per_s=None) is None
    told = say(TrainSettings(minutes=0.01), pictures=200)
    assert told.startswith("train.method=auto takes probe: ")
    assert "fewer than 200" in told
    assert ". It will take about 3 min here: 200 pictures at 480 px. Faster: " in told


def test_auto_trains_all_from_scratch_whatever_that_takes(say):
    told = say(backbone="scratch")
    assert told.startswith("train.method=auto takes fine_tune: the network starts from scratch")
    assert told.endswith(
        "nothing. It would take at least 3 days here: 500 steps of 512 pictures at 480 px"
    )


@pytest.mark.parametrize("crop", [128, 224])
def test_a_size_that_is_not_smaller_is_not_offered(say, crop):
    told = say(TrainSettings(method="fine_tune"), RULE.with_overrides(crop=crop))
    assert "--set train.method=probe (about " in told
    assert "train.crop" not in told


def test_photos_is_offered_with_the_time_of_what_it_will_train(say):
    def offer(**facts):
        told = say(TrainSettings(method="fine_tune"), **facts)
        return dict(offered(told))["--config photos"]

    assert offer(pictures=2900) == "6 min"
    assert offer(pictures=2900, classes=200) == "3 min"
    # All of the network would take 40 minutes, more than that configuration gives.
    assert offer(pictures=20_000) == "11 min"


def test_of_a_probe_the_size_that_it_looks_at_is_told(say):
    told = say(TrainSettings(method="probe", minutes=2), SMALL.with_overrides(eval_size=480))
    assert "2,900 pictures at 480 px. Faster: " in told
    assert offered(told) == [("--set train.eval_size=224", "4 min"), ("--config photos", "6 min")]


def test_a_head_that_was_not_asked_for_takes_its_own_schedule(say):
    short = hyperrule.for_dataset(21_000, 500 * 400).with_overrides(crop=128, steps=1)
    many = {"pictures": 21_000, "classes": 20_000}
    assert ". It will take about 2.6 h here" in say(rule=short, **many)
    assert say(TrainSettings(method="probe"), short, **many) is None


def test_a_head_for_thousands_of_classes_counts_and_is_no_smaller_at_another_size(say):
    medium = hyperrule.for_dataset(21_000, 500 * 400).with_overrides(crop=128, resize=160)
    probes = TrainSettings(method="probe")
    assert say(probes, medium, pictures=21_000, per_s=None, classes=5) is None
    told = say(probes, medium, pictures=21_000, classes=20_000)
    # 10,000 steps of 512 features of 2,048 numbers each, by 20,000 classes, there and back.
    assert "probe will take about 2.6 h here: 21,000 pictures at 128 px" in told
    large = medium.with_overrides(crop=448, resize=512)
    assert "train.crop" not in say(probes, large, pictures=21_000, classes=20_000)


def test_the_configuration_laptop_is_not_measured(say):
    assert say(TrainSettings(method="probe"), SMALL, per_s=None) is None


def test_a_budget_that_is_too_small_is_told_for_a_probe_too(say):
    told = say(TrainSettings(method="probe", minutes=0.5), SMALL)
    assert told == "probe will take about 4 min here: 2,900 pictures at 224 px"
    few = say(TrainSettings(method="probe", minutes=0.5), SMALL, classes=20)
    assert few.endswith(". Faster: --config photos (about 3 min)")


def test_one_is_spoken_of_as_one(say):
    one = RULE.with_overrides(batch_size=1).with_overrides(steps=1)
    told = say(TrainSettings(method="fine_tune", minutes=1e-3), one, per_s=1e8)
    assert "1 step of 1 picture at 480 px" in told


def test_from_scratch_there_is_nothing_to_probe(say):
    assert "Faster" not in say(TrainSettings(method="fine_tune"), backbone="scratch")


def test_speed_is_measured_on_the_network_itself():
    assert 1e7 < forecast._measured("R14x0.5", 32) < 1e12
