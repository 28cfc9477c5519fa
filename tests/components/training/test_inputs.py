"""Batches that the Trainer sees."""

import collections
import dataclasses
import itertools

import numpy as np
import pytest

from components import preprocessing
from components.bit.hyperrule import HyperRule
from components.settings import LabelSafe, TrainSettings
from components.training import inputs, selection

RULE = HyperRule(
    steps=4,
    warmup_steps=1,
    boundaries=(2,),
    learning_rate=0.1,
    batch_size=8,
    resize=20,
    crop=16,
    eval_size=16,
    mixup_alpha=0.0,
)

SETTINGS = TrainSettings()


@pytest.fixture
def batches(train_files, transform_output, tmp_path):
    def make(count, rule=RULE, settings=SETTINGS, **options):
        dataset = inputs.training_dataset(
            train_files,
            transform_output,
            rule,
            settings,
            num_examples=33,
            cache_dir=tmp_path,
            **options,
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


def test_few_shot_draws_so_many_of_each_class(batches, train_files):
    settings = TrainSettings(examples_per_class=2, label_safe=LabelSafe(crop=False, flip=False))
    rule = RULE.with_overrides(batch_size=1, steps=4)
    keep = selection.select(train_files, settings).trained
    seen = {
        (images.tobytes(), int(labels.argmax()))
        for images, labels in batches(24, rule, settings, keep=keep)
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


def test_evaluation_sees_each_picture_once_in_order_as_the_served_model_does(
    train_files, transform_output
):
    whole = inputs.evaluation_dataset(train_files, transform_output, batch_size=10)
    batches = list(whole.as_numpy_iterator())
    assert [len(labels) for _, labels in batches] == [10, 10, 10, 3]
    assert batches[0][0].shape == (10, 16, 16, 3)
    rows = selection.select(train_files, SETTINGS).rows
    names = transform_output.vocabulary_by_name(preprocessing.VOCABULARY)
    told = [names[index] for _, labels in batches for index in labels]
    assert told == [label for label, _ in rows]
    keep = [index % 2 == 0 for index in range(33)]
    half = inputs.evaluation_dataset(train_files, transform_output, batch_size=17, keep=keep)
    ((pictures, _),) = half.as_numpy_iterator()
    np.testing.assert_array_equal(pictures, np.concatenate([p for p, _ in batches])[::2])
