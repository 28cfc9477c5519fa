"""Batches that the Trainer sees."""

import collections
import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import preprocessing
from components.bit.hyperrule import HyperRule
from components.settings import LabelSafe, TrainSettings
from components.training import inputs

RULE = HyperRule(
    steps=4,
    warmup_steps=1,
    boundaries=(2,),
    learning_rate=0.1,
    batch_size=8,
    resize=20,
    crop=16,
    mixup_alpha=0.0,
)

SETTINGS = TrainSettings()


@pytest.fixture
def batches(train_files, transform_output, tmp_path):
    def make(count, rule=RULE, settings=SETTINGS, start_step=0):
        dataset = inputs.training_dataset(
            train_files,
            transform_output,
            rule,
            settings,
            num_examples=33,
            cache_dir=tmp_path,
            start_step=start_step,
        )
        return list(itertools.islice(dataset.as_numpy_iterator(), count))

    return make


def test_batches_have_the_rules_size_the_unit_range_and_one_hot_labels(batches):
    for images, labels in batches(6):
        assert images.shape == (8, 16, 16, 3)
        assert images.dtype == np.float32
        assert images.min() >= 0
        assert 0.5 < images.max() <= 1
        assert labels.shape == (8, 3)
        np.testing.assert_array_equal(labels.sum(1), 1)


def test_each_label_goes_with_its_picture(batches, transform_output):
    names = [n.decode() for n in transform_output.vocabulary_by_name(preprocessing.VOCABULARY)]
    channel = {"red": 0, "green": 1, "blue": 2}
    for images, labels in batches(4):
        brightest = images.mean(axis=(1, 2)).argmax(1)
        told = [channel[names[index]] for index in labels.argmax(1)]
        assert brightest.tolist() == told


def test_one_epoch_shows_every_example_once(batches):
    counts = collections.Counter()
    for _, labels in batches(33, rule=RULE.with_overrides(batch_size=1, steps=4)):
        counts[int(labels.argmax())] += 1
    # The vocabulary is ordered by frequency: green 12, red 11, blue 10.
    assert counts == {0: 12, 1: 11, 2: 10}


def test_the_same_seed_repeats_the_run_and_another_does_not(batches):
    first, again = batches(3), batches(3)
    for (a, _), (b, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    other = batches(3, settings=TrainSettings(seed=1))
    assert any((a != b).any() for (a, _), (b, _) in zip(first, other, strict=True))


@pytest.mark.parametrize("mixup_alpha", [0.0, 1.0])
def test_an_interrupted_run_sees_what_it_would_have_seen_next(batches, mixup_alpha):
    rule = dataclasses.replace(RULE, mixup_alpha=mixup_alpha)
    # 6 batches of 8 are more than an epoch of 33.
    undisturbed = batches(8, rule)[6:]
    resumed = batches(2, rule, start_step=6)
    for expected, actual in zip(undisturbed, resumed, strict=True):
        np.testing.assert_array_equal(actual[0], expected[0])
        np.testing.assert_array_equal(actual[1], expected[1])


def test_mixup_mixes_labels(batches):
    mixed = batches(6, rule=dataclasses.replace(RULE, mixup_alpha=1.0))
    fractions = [label for _, labels in mixed for label in labels.ravel() if 0.01 < label < 0.99]
    assert fractions
    for _, labels in mixed:
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)


def test_few_shot_draws_so_many_of_each_class(batches):
    settings = TrainSettings(examples_per_class=2, label_safe=LabelSafe(crop=False, flip=False))
    rule = RULE.with_overrides(batch_size=1, steps=4)
    seen = {
        (images.tobytes(), int(labels.argmax())) for images, labels in batches(24, rule, settings)
    }
    assert collections.Counter(label for _, label in seen) == {0: 2, 1: 2, 2: 2}


def test_without_memory_the_cache_goes_to_the_disk(batches, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "_CACHE_MEMORY_SHARE", 0.0)
    assert batches(9)
    assert list(tmp_path.glob("decoded*"))


def test_without_memory_or_disk_nothing_is_cached(batches, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "_CACHE_MEMORY_SHARE", 0.0)
    monkeypatch.setattr(inputs, "_CACHE_DISK_SHARE", 0.0)
    assert batches(9)
    assert not list(tmp_path.glob("decoded*"))


ROWS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40).map(
    lambda labels: [(label, f"{i:03}".encode()) for i, label in enumerate(labels)]
)


@given(rows=ROWS, per_class=st.integers(1, 10), seed=st.integers(0, 5))
def test_a_draw_takes_min_of_k_and_what_is_there(rows, per_class, seed):
    chosen = list(itertools.compress(rows, inputs.draw(rows, per_class, seed)))
    there = collections.Counter(label for label, _ in rows)
    took = collections.Counter(label for label, _ in chosen)
    assert took == {label: min(per_class, count) for label, count in there.items()}


@given(rows=ROWS, seed=st.integers(0, 5), data=st.data())
def test_a_draw_does_not_depend_on_the_order_of_the_records(rows, seed, data):
    shuffled = data.draw(st.permutations(rows))
    first = set(itertools.compress(rows, inputs.draw(rows, 3, seed)))
    assert set(itertools.compress(shuffled, inputs.draw(shuffled, 3, seed))) == first
