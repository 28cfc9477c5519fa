"""What a run says of its time and its schedule, and when it says nothing."""

import time

import pytest
import tensorflow as tf

from components import progress
from components.bit import hyperrule
from components.settings import TrainSettings
from components.training import pace

RULE = hyperrule.for_dataset(3000, 500 * 400)


def test_the_first_call_does_not_count():
    pauses = iter([0.3])

    def call():
        time.sleep(next(pauses, 0.02))
        return tf.constant(0.0)

    assert 0.02 <= pace.seconds(call) < 0.1


@pytest.mark.parametrize(
    ("pictures", "batch_size", "steps", "words"),
    [
        (3000, 512, 500, None),
        (100, 32, 500, None),
        (100, 32, 700, "700 steps of 32 pictures show each picture 224 times; train.epochs=200"),
        (
            100,
            128,
            20,
            "128 pictures, more than the 100 there are to train on, show each picture "
            "26 times; train.batch_size=64 may do as well",
        ),
        (
            180,
            512,
            500,
            "500 steps of 512 pictures, more than the 180 there are to train on, show "
            "each picture 1,422 times; train.epochs=200 may do as well",
        ),
    ],
)
def test_a_schedule_that_is_too_much_for_the_pictures_is_told(pictures, batch_size, steps, words):
    rule = RULE.with_overrides(batch_size=batch_size).with_overrides(steps=steps)
    told = pace.of_schedule(rule, pictures)
    assert told is None if words is None else words in told


def test_a_short_run_is_told_without_advice():
    told = pace.about("fine_tune", 90, RULE, 600, {"probe": 10})
    assert told == "fine_tune takes about 2 min here: 500 steps of 512 pictures at 480 px"


def test_a_long_run_is_told_with_what_is_faster():
    took = pace.of_fine_tuning(RULE, gradient_s=0.5)
    assert took == 128_000
    told = pace.about("fine_tune", took, RULE, 600, {"probe": 300, "probe_then_fine_tune": 128_300})
    assert told == (
        "fine_tune takes about 36 h here: 500 steps of 512 pictures at 480 px. Faster: "
        "train.method=probe about 5 min; train.steps=2 about 10 min; train.crop=240 with "
        "train.resize=256 about 8.9 h"
    )


def test_what_is_long_can_be_said():
    assert pace.patience_s(TrainSettings()) == 600
    assert pace.patience_s(TrainSettings(minutes=0.5)) == 30
    told = pace.about("fine_tune", 120, RULE, 30, {})
    assert "train.steps=125 about 30 s" in told


def test_the_first_steps_tell_how_long_all_take():
    said = []
    rule = RULE.with_overrides(steps=1000)
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        clock = pace.FirstSteps(10, rule, 600)
        for done in range(11, 30):
            clock.at(done)
            if not said:
                time.sleep(0.02)
    (told,) = said
    seconds = int(told.split("about ")[1].split(" s here")[0])
    assert 19 <= seconds < 60  # 986 steps of 20 ms
