"""What a run says of its time and its schedule, and when it says nothing."""

import itertools
import math
import re
import time
import types

import msgspec
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components import progress
from components.bit import hyperrule
from components.settings import TrainSettings
from components.training import pace, probe

RULE = hyperrule.for_dataset(3000, 500 * 400)


def test_the_first_call_does_not_count():
    pauses = iter([0.3])

    def call():
        time.sleep(next(pauses, 0.02))
        return tf.constant(0.0)

    assert 0.02 <= pace.seconds(call) < 0.1


def test_what_others_take_of_the_machine_counts_in_a_mean():
    def call(pauses):
        time.sleep(next(pauses))

    pauses = itertools.cycle([0.001, 0.001, 0.03])
    assert pace.seconds(lambda: call(pauses)) < 0.01
    assert 0.01 < pace.seconds(lambda: call(pauses), mean=True) < 0.1


@pytest.mark.parametrize(
    ("weights", "size", "count"),
    [(25e6, 224, 4), (25e6, 480, 4), (200e6, 96, 4), (4.5e6, 96, 32), (4.5e6, 192, 30)],
)
def test_of_a_small_network_more_pictures_are_measured_at_a_time(weights, size, count):
    model = types.SimpleNamespace(count_params=lambda: weights)
    assert pace.pictures_on_a_cpu(model, size) == count


def rule_of(pictures, settings):
    """As the HyperRule stage decides it."""
    rule = hyperrule.for_dataset(pictures, 500 * 400, batch_size=settings.batch_size)
    overrides = settings.hyperrule_overrides()
    if settings.epochs is not None:
        overrides["steps"] = math.ceil(settings.epochs * pictures / settings.batch_size)
    return rule.with_overrides(**overrides)


def told(pictures, settings=TrainSettings(), **more):  # noqa: B008
    return pace.of_schedule("fine_tune", rule_of(pictures, settings), pictures, settings, **more)


@pytest.mark.parametrize(
    ("pictures", "settings", "words"),
    [
        (3000, {}, None),
        (1280, {}, None),
        (
            1000,
            {},
            "500 steps of 512 pictures show each picture 256 times; train.steps=391 may do as well",
        ),
        (
            180,
            {},
            "500 steps of 512 pictures, more than the 180 to train on, show each picture "
            "1,422 times; train.steps=100 may do as well",
        ),
        (1000, {"epochs": 300}, "show each picture 300 times; train.epochs=200"),
        # So few steps are none too many, but a batch of them is.
        (
            100,
            {"batch_size": 128, "steps": 20},
            "20 steps of 128 pictures, more than the 100 to train on, show some of them twice",
        ),
        (128, {"batch_size": 128, "steps": 20}, None),
        # What is given of a schedule must have its place, and so must what comes after a warm-up.
        (10, {"steps": 900, "boundaries": (200, 400)}, "train.steps=400"),
        (10, {"steps": 900, "warmup_steps": 150}, "train.steps=300"),
    ],
)
def test_a_schedule_that_is_too_much_for_the_pictures_is_told(pictures, settings, words):
    said = told(pictures, TrainSettings(**settings))
    assert said is None if words is None else words in said


def advised(pictures, settings):
    said = told(pictures, settings) or ""
    found = re.search(r"; train\.(steps|epochs)=([\d.]+) may do as well$", said)
    return found and found.groups()


@given(
    pictures=st.integers(1, 30_000),
    batch_size=st.sampled_from((8, 60, 512, 2048)),
    spoken=st.one_of(
        st.just({}),
        st.fixed_dictionaries({"steps": st.integers(1, 50_000)}),
        st.fixed_dictionaries({"epochs": st.floats(0.5, 3000)}),
    ),
)
def test_advice_that_is_followed_is_silent_and_leaves_a_schedule(pictures, batch_size, spoken):
    settings = TrainSettings(batch_size=batch_size, **spoken)
    if (advice := advised(pictures, settings)) is None:
        return
    key, value = advice
    assert key in (spoken or ("steps",))
    taken = msgspec.structs.replace(settings, **{key: (int if key == "steps" else float)(value)})
    before, after = rule_of(pictures, settings), rule_of(pictures, taken)
    assert advised(pictures, taken) is None
    assert after.steps < before.steps
    # A fifth of the HyperRule's 500 steps of 512 pictures, whatever the batch.
    assert after.steps * batch_size >= 100 * 512 - batch_size
    passes = after.steps * batch_size / pictures
    assert passes > 190 or after.steps * batch_size < 101 * 512 + batch_size


def test_a_head_is_told_only_where_that_saves_a_minute():
    own = probe.rule_for(RULE, rate_is_given=False)
    assert pace.of_schedule("probe", own, 500, TrainSettings(), took_s=60) is None
    assert "train.steps=196" in pace.of_schedule("probe", own, 500, TrainSettings(), took_s=120)
    # Its own batch of 512 would go with its own steps.
    small = TrainSettings(batch_size=64)
    assert pace.of_schedule("probe", own, 500, small, took_s=120) is None


def test_a_short_run_is_told_without_advice():
    told = pace.about(
        "fine_tune", pace.Took(network=90), RULE, TrainSettings(), others={"probe": 9}
    )
    assert told == "fine_tune takes about 2 min here: 500 steps of 512 pictures at 480 px"


def test_a_long_run_is_told_with_what_is_faster():
    took = pace.of_fine_tuning(RULE, gradient_s=0.5)
    assert took == 128_000
    others = {"probe": 300, "probe_then_fine_tune": 128_300}
    told = pace.about("fine_tune", pace.Took(network=took), RULE, TrainSettings(), others=others)
    # 2 steps would take ten minutes, and do nothing.
    assert told == (
        "fine_tune takes about 36 h here: 500 steps of 512 pictures at 480 px. Faster: "
        "train.method=probe about 5 min; train.crop=240 with train.resize=256 about 8.9 h"
    )


def test_what_is_long_can_be_said():
    assert pace.patience_s(TrainSettings()) == 600
    assert pace.patience_s(TrainSettings(minutes=0.5)) == 30
    settings = TrainSettings(minutes=0.5)
    told = pace.about("fine_tune", pace.Took(network=120), RULE, settings)
    assert "train.steps=125 about 30 s" in told


@pytest.mark.parametrize(
    ("method", "took", "settings", "offers"),
    [
        # Of ten minutes the features leave five to a head that takes ten; its size is another's.
        (
            "probe",
            pace.Took(features=300, head=600),
            {},
            ["train.method=probe with train.steps=250 about 10 min"],
        ),
        (
            "probe",
            pace.Took(features=9000, head=600),
            {},
            ["train.crop=240 with train.resize=256 about 48 min"],
        ),
        # The probe goes first, whatever the steps.
        (
            "probe_then_fine_tune",
            pace.Took(200, 100, 600),
            {"epochs": 10},
            ["train.epochs=5 about 10 min", "train.crop=240 with train.resize=256 about 5 min"],
        ),
        ("probe_then_fine_tune", pace.Took(features=200, head=500, network=20), {}, []),
        # What was given is for the whole network.
        (
            "probe",
            pace.Took(features=300, head=600),
            {"epochs": 3},
            ["train.method=probe with train.steps=250 and train.epochs=null about 10 min"],
        ),
        ("probe", pace.Took(300, 600), {"method": "probe"}, ["train.steps=250 about 10 min"]),
    ],
)
def test_an_offer_counts_what_it_changes_alone(method, took, settings, offers):
    _, _, faster = pace.about(method, took, RULE, TrainSettings(**settings)).partition("Faster: ")
    assert [one for one in faster.split("; ") if one] == offers


@pytest.mark.parametrize(
    ("method", "sizes"),
    [
        ("probe", "train.eval_size=160"),
        ("fine_tune", "train.crop=240 with train.resize=256"),
        ("probe_then_fine_tune", "train.crop=240 with train.resize=256 and train.eval_size=160"),
    ],
)
def test_an_offer_of_smaller_pictures_names_the_sizes_that_take_the_time(method, sizes):
    took = pace.Took(features=9000 * (method != "fine_tune"), network=9000 * (method != "probe"))
    told = pace.about(method, took, RULE.with_overrides(eval_size=320), TrainSettings())
    assert f"{sizes} about " in told


@pytest.mark.parametrize(
    ("method", "is_offered"),
    [("probe", True), ("fine_tune", False), ("probe_then_fine_tune", False)],
)
def test_half_of_what_is_small_already_is_not_offered(method, is_offered):
    small = RULE.with_overrides(crop=96, resize=108, eval_size=192)
    took = pace.Took(features=9000 * (method != "fine_tune"), network=9000 * (method != "probe"))
    assert ("train.eval_size=96" in pace.about(method, took, small, TrainSettings())) == is_offered


def test_a_head_that_does_not_heed_what_is_given_says_so():
    given = TrainSettings(learning_rate=0.01, batch_size=32)
    told = pace.about("probe", pace.Took(head=5), RULE, given)
    assert told == (
        "probe takes about 5 s here: a head by 500 steps of 512 pictures, as the schedule that is "
        "given is for the whole network"
    )
    asked = msgspec.structs.replace(given, method="probe")
    assert pace.about("probe", pace.Took(head=5), RULE, asked) == "probe takes about 5 s here"


def test_one_is_spoken_of_as_one():
    one = RULE.with_overrides(batch_size=1).with_overrides(steps=1)
    assert "1 step of 1 picture at" in pace.about(
        "fine_tune", pace.Took(network=9), one, TrainSettings()
    )
    assert pace.left("fine_tune", 1, 2) == "fine_tune goes on: 1 step is left, about 2 s"


def first_steps(start, settings):
    said = []
    rule = RULE.with_overrides(steps=1000)
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        clock = pace.FirstSteps(start, rule, settings)
        for done in range(start + 1, start + 20):
            clock.at(done)
            if not said:
                time.sleep(0.02)
    (told,) = said
    return told


def test_the_first_steps_tell_how_long_all_take():
    told = first_steps(0, TrainSettings(minutes=0.1))
    seconds = int(re.search(r"^fine_tune takes about (\d+) s here: 1,000 steps", told)[1])
    assert 20 <= seconds < 60  # of 20 ms
    assert "Faster: train.steps=" in told


def test_a_run_that_goes_on_tells_what_is_left_and_offers_nothing():
    told = first_steps(800, TrainSettings(minutes=0.01))
    seconds = int(re.fullmatch(r"fine_tune goes on: 196 steps are left, about (\d+) s", told)[1])
    assert 4 <= seconds < 12  # of 20 ms
