"""The method that a run takes, what it says of it, and what it remembers when it goes on."""

import msgspec
import pytest
import tensorflow as tf

from bitpipe.errors import ConfigError
from components import progress
from components.bit import hyperrule
from components.settings import TrainSettings
from components.training import checkpoints, planning, probe
from components.training.method import BOTH, FINE_TUNE, PROBE

RULE = hyperrule.for_dataset(3000, 500 * 400).with_overrides(crop=32, resize=32)


class Measured:
    """In place of `Frozen`: what it would measure."""

    def __init__(self, forward_s, features_s):
        self._forward_s = forward_s
        self._features_s = features_s

    def forward_s(self):
        return self._forward_s

    def seconds(self, *_, anew=False):
        return 2 * self._features_s if anew else self._features_s


@pytest.fixture
def job(new_tiny, tmp_path, monkeypatch):
    def job(
        settings=TrainSettings(),  # noqa: B008
        *,
        pretrained=True,
        forward_s=1.0,
        features_s=60.0,
        head_s=0.0,
        **changes,
    ):
        if head_s is not None:
            monkeypatch.setattr(planning.head, "seconds", lambda *_: head_s)
        values = {
            "model": new_tiny(),
            "pretrained": pretrained,
            "rule": RULE,
            "head_rules": {PROBE: RULE, BOTH: RULE},
            "settings": settings,
            "strategy": tf.distribute.get_strategy(),
            "freeze": lambda _: Measured(forward_s, features_s),
            "checkpoint_dir": str(tmp_path / "checkpoints"),
            "pictures_per_class": 1500.0,
        }
        return planning.Job(**(values | changes))

    return job


def planned(job):
    said = []
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        return planning.plan(job), said


def refused(*_):
    raise AssertionError("measured without need")


def test_auto_tells_its_choice_and_its_time(job):
    choice, (why, time) = planned(job())
    assert choice.method == PROBE
    # 500 * 512 pictures of 2.5 s: no need to measure a gradient.
    assert why == f"train.method=auto takes probe: {choice.reason}"
    assert "(at least 7 days)" in why
    assert time == "probe takes about 60 s here"


def test_with_few_pictures_a_cpu_probes_whatever_would_fit(job):
    quick = RULE.with_overrides(steps=2, batch_size=4)
    choice, said = planned(job(forward_s=1e-6, rule=quick, pictures_per_class=121.5))
    assert choice.method == PROBE
    assert said[0].endswith(
        "with fewer than 200 pictures a class (121) the steps that a CPU has time for may lose "
        "what the backbone knows"
    )


def test_a_head_that_takes_long_counts(job):
    """Of thousands of classes it takes longer than the features."""
    quick = RULE.with_overrides(steps=2, batch_size=4)
    choice, (why, time) = planned(job(forward_s=1e-6, rule=quick, head_s=1800.0))
    assert choice.method == PROBE
    assert "no method fits" in why
    assert time == (
        "probe takes about 31 min here. "
        "Faster: train.method=probe with train.steps=150 about 10 min"
    )


def test_a_head_is_measured_at_its_own_width(job, monkeypatch):
    asked = []
    monkeypatch.setattr(probe, "seconds_per_step", lambda *size: asked.append(size) or 0.01)
    few = job(TrainSettings(method="probe"), head_s=None, pictures_per_class=2.0)
    assert planned(few)[1] == ["probe takes about 65 s here"]  # too few to leave a fold out
    assert asked[0] == (3, 2, 512)
    more = job(TrainSettings(method="probe"), head_s=None)
    assert more.head_s() > few.head_s() == 5


def test_what_fits_is_measured(job):
    quick = RULE.with_overrides(steps=2, batch_size=4)
    choice, said = planned(job(forward_s=1e-6, rule=quick))
    assert choice.method == BOTH
    assert "probe_then_fine_tune takes about" in said[-1]


def test_steps_on_small_pictures_are_not_judged_by_the_time_of_large_ones(job):
    """500 x 512 x 2.5 x 0.6 ms are 384 s at the size that is served, a sixteenth at the crop's."""
    large = RULE.with_overrides(crop=32, eval_size=128)
    budget = {"settings": TrainSettings(minutes=5), "features_s": 0.0, "forward_s": 6e-4}

    def fits(rule):
        one = job(**budget, rule=rule)
        vars(one)["fine_tune_s"] = 100.0
        return not one.estimates(300.0)[BOTH].at_least

    assert fits(large)
    assert not fits(RULE)


@pytest.mark.parametrize(("eval_size", "is_told"), [(64, True), (32, False)])
def test_what_is_served_larger_than_it_was_trained_is_told_where_no_head_follows(
    job, eval_size, is_told
):
    rule = RULE.with_overrides(eval_size=eval_size, steps=2, batch_size=4)
    _, said = planned(job(TrainSettings(method="fine_tune"), rule=rule))
    assert any("trained at 32 px (train.crop) and served at 64" in one for one in said) == is_told
    _, said = planned(job(TrainSettings(method="probe_then_fine_tune"), rule=rule))
    assert not any("served at" in one for one in said)


def test_from_scratch_nothing_is_measured_before(job):
    choice, (why,) = planned(job(pretrained=False, freeze=refused))
    assert choice.method == FINE_TUNE
    assert "from scratch" in why
    assert planning.says_its_pace(job(pretrained=False), choice)


def test_a_long_run_that_was_asked_for_is_told_with_the_probe(job):
    long = job(
        TrainSettings(method="fine_tune"),
        rule=RULE.with_overrides(steps=10**6),
        pictures_per_class=1e8,
    )
    choice, (sentence,) = planned(long)
    assert (choice.method, choice.reason) == (FINE_TUNE, "train.method says so")
    assert "Faster: train.method=probe about 60 s" in sentence


def test_passes_are_told_after_the_choice_and_of_the_rule_that_runs(job):
    few = {"pictures_per_class": 300.0}
    quick = RULE.with_overrides(crop=8)
    _, (_, sentence) = planned(job(TrainSettings(method="fine_tune"), rule=quick, **few))
    told = "500 steps of 512 pictures show each picture 427 times; train.steps=235 may do as well"
    assert sentence == told
    assert planned(job(TrainSettings(method="probe"), **few))[1] == ["probe takes about 60 s here"]
    _, (_, sentence) = planned(job(TrainSettings(method="probe"), head_s=200.0, **few))
    assert sentence == told


@pytest.mark.parametrize("method", [FINE_TUNE, BOTH])
def test_a_run_that_goes_on_tells_what_is_left_and_offers_nothing(job, new_tiny, method):
    model, optimizer = new_tiny(), planning.keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    long = job(
        TrainSettings(method=method, minutes=1e-6),
        rule=RULE.with_overrides(steps=500),
        pictures_per_class=10.0,
    )
    checkpoints.Checkpoints(long.checkpoint_dir, model, optimizer, every=490).after(490)
    _, said = planned(long)
    (sentence,) = said
    assert sentence.startswith(f"{method} goes on: 10 steps are left, about ")
    assert "Faster" not in sentence
    took = long.took(method, 10)
    assert took.network == pytest.approx(long.fine_tune_s / 50)
    assert took.features == (60 + 120 if method == BOTH else 0)


def test_a_run_that_goes_on_keeps_to_its_method(job):
    quick = RULE.with_overrides(steps=2, batch_size=4)
    first, _ = planned(job(forward_s=1e-6, rule=quick))
    # Another is busy with the machine now: by what is measured it would be the probe.
    again, (why, _) = planned(job(forward_s=1e3, rule=quick))
    assert again == first
    assert first.reason in why


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (TrainSettings(method="probe"), "train.method=probe"),
        (TrainSettings(method="probe_then_fine_tune"), "train.method=probe_then_fine_tune"),
        (TrainSettings(keep_best=True), "train.keep_best=true"),
    ],
)
def test_several_workers_cannot_probe_or_hold_out(job, settings, told, monkeypatch):
    monkeypatch.setattr(planning.devices, "is_one_machine", lambda _: False)
    with pytest.raises(ConfigError, match=rf"^{told} computes on one machine"):
        planning.plan(job(settings, freeze=refused))
    plain = msgspec.structs.replace(settings, method="auto", keep_best=False)
    assert planning.plan(job(plain, freeze=refused)).method == FINE_TUNE
