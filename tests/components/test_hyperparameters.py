"""Facts out of real statistics, the rule, and the user's last word."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import statistics_pb2

from bitpipe.errors import ConfigError, DataError
from components import features
from components.settings import TrainSettings

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def stage():
    from components import hyperparameters

    return hyperparameters


@pytest.fixture(scope="module")
def statistics():
    """TFDV's own statistics of three examples."""
    import tensorflow_data_validation as tfdv

    frame = {features.AREA: [100, 400, 90_000], features.LABEL: ["a", "b", "a"]}
    import pandas as pd

    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(frame))


def test_facts_are_the_count_the_median_area_and_the_classes(stage, statistics):
    facts = stage.read_facts(statistics)
    assert dataclasses.asdict(facts) == {
        "num_examples": 3,
        "image_area": pytest.approx(400),
        "num_classes": 2,
        "class_counts": (2, 1),
    }


def test_statistics_without_examples_are_refused(stage):
    empty = statistics_pb2.DatasetFeatureStatisticsList()
    empty.datasets.add()
    with pytest.raises(DataError, match="0 examples"):
        stage.read_facts(empty)


def test_without_overrides_the_rule_decides_alone(stage):
    rule = stage.decide(stage.Facts(20_000, 500 * 400, 5), TrainSettings())
    assert (rule.steps, rule.crop, rule.mixup_alpha) == (10_000, 480, 0.1)


def test_overrides_win_and_the_schedule_follows_the_steps(stage):
    rule = stage.decide(stage.Facts(300, 64, 10), TrainSettings(steps=50, batch_size=32, crop=32))
    assert (rule.steps, rule.batch_size, rule.crop, rule.resize) == (50, 32, 32, 160)
    assert rule.boundaries == (20, 30, 40)


def test_few_shot_counts_only_what_is_drawn(stage):
    rule = stage.decide(stage.Facts(600_000, 500 * 400, 10), TrainSettings(examples_per_class=10))
    assert rule.steps == 500


def test_few_shot_counts_all_of_a_class_that_has_fewer(stage):
    facts = stage.Facts(1010, 64, 2, class_counts=(1000, 10))
    settings = TrainSettings(epochs=10, batch_size=10, examples_per_class=100)
    assert stage.decide(facts, settings).steps == 110


def test_classes_beyond_those_that_are_counted_share_the_rest(stage):
    facts = stage.Facts(1030, 64, 4, class_counts=(1000, 10))
    assert facts.of_classes() == [1000, 10, 10, 10]


def test_epochs_count_what_is_held_out_of_each_class(stage):
    facts = stage.Facts(4, 64, 2, class_counts=(2, 2))
    settings = TrainSettings(epochs=10, batch_size=1, keep_best=True)
    assert stage.decide(facts, settings).steps == 20  # one of two is held out of each


def test_epochs_become_steps_over_the_pictures_that_are_trained_on(stage):
    facts = stage.Facts(1000, 64, 10)
    assert stage.decide(facts, TrainSettings(epochs=3, batch_size=100)).steps == 30
    assert stage.decide(facts, TrainSettings(epochs=0.5, batch_size=300)).steps == 2  # whole ones
    assert stage.decide(facts, TrainSettings(epochs=2, examples_per_class=5)).steps == 1
    held_out = TrainSettings(epochs=3, batch_size=100, keep_best=True, held_out_share=0.5)
    assert stage.decide(facts, held_out).steps == 15
    rule = stage.decide(facts, TrainSettings(epochs=50, batch_size=100))
    assert (rule.warmup_steps, rule.boundaries) == (100, (200, 300, 400))


@pytest.mark.parametrize("epochs", [1e9, 1e300, 1e308])
def test_epochs_without_end_are_a_configuration_error(stage, epochs):
    facts = stage.Facts(num_examples=1000, image_area=1e5, num_classes=10)
    with pytest.raises(ConfigError, match=r"train\.epochs must not mean more than 2,147,483,647"):
        stage.decide(facts, TrainSettings(epochs=epochs, batch_size=100))


def test_an_override_that_contradicts_the_rule_is_a_configuration_error(stage):
    with pytest.raises(ConfigError, match=r"train\.crop must .* train\.resize, .* train\.crop=200"):
        stage.decide(stage.Facts(300, 64, 10), TrainSettings(crop=200))


@given(num_examples=st.integers(1, 10**6), area=st.floats(1, 1e8), batch=st.integers(1, 4096))
def test_any_facts_give_a_valid_rule(stage, num_examples, area, batch):
    rule = stage.decide(stage.Facts(num_examples, area, 2), TrainSettings(batch_size=batch))
    assert rule.crop <= rule.resize
    assert rule.learning_rate == pytest.approx(0.003 * batch / 512)
