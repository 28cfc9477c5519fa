"""Heads answer for the pictures that they have not seen."""

import hashlib

import msgspec
import numpy as np
import pytest

from components.bit.hyperrule import HyperRule
from components.training import cross_validation, probe
from components.training import guesses as kept
from components.training.probe import Examples

RULE = HyperRule(
    steps=60,
    warmup_steps=5,
    boundaries=(40,),
    learning_rate=0.01,
    batch_size=64,
    resize=32,
    crop=32,
    eval_size=32,
    mixup_alpha=0.0,
)


def digest(number):
    return hashlib.sha256(str(number).encode()).hexdigest().encode()


def examples(num=400, classes=4, wrong=(), seed=0):
    """Clusters, two views of each; labels in `wrong` are moved on by one."""
    random = np.random.default_rng(seed)
    truth = np.arange(num) % classes
    centres = random.normal(size=(classes, 16))
    values = centres[truth][:, None] + 0.5 * random.normal(size=(num, 2, 16))
    labels = truth.copy()
    labels[list(wrong)] = (labels[list(wrong)] + 1) % classes
    return truth, Examples(
        values.astype(np.float32), labels, tuple(digest(number) for number in range(num))
    )


def test_a_label_has_no_part_in_the_answer_on_its_own_picture(monkeypatch):
    """Else a wrong label would confirm itself."""
    same_fold = np.arange(400) // 7 % cross_validation.FOLDS
    monkeypatch.setattr(cross_validation, "folds", lambda *_: same_fold)
    _, right = examples()
    _, wrong = examples(wrong=[7])
    before = cross_validation.predict(right, 4, RULE, seed=1)
    after = cross_validation.predict(wrong, 4, RULE, seed=1)
    np.testing.assert_array_equal(before[7], after[7])
    others = same_fold != same_fold[7]
    assert np.abs(before[others] - after[others]).max() > 0


def test_a_head_is_trained_as_the_probe_is():
    """With nothing left out it is the same head, beyond the step at which the rate falls."""
    _, shown = examples()
    trained = probe.fit(shown, 4, RULE, seed=3)
    mean, spread = probe.standard(shown.values)
    heads = cross_validation._Heads(16, 4)
    order = probe.order(400, 2, RULE.batch_size, 3)
    for step, (rows, views) in zip(range(RULE.steps), order, strict=False):
        batch = (shown.values[rows, views] - mean) / spread
        seen = np.ones((len(rows), cross_validation.FOLDS))
        heads.step(batch, shown.labels[rows], seen, RULE.learning_rate_at(step))
    kernel = heads._kernel[:, :4] / spread[:, None]
    np.testing.assert_allclose(kernel, trained.kernel, atol=1e-5)


def test_wrong_labels_are_contradicted():
    wrong = range(0, 400, 20)
    truth, noisy = examples(wrong=wrong)
    found = cross_validation.predict(noisy, 4, RULE, seed=1).argmax(axis=1)
    assert (found == truth).mean() > 0.95
    assert (found[list(wrong)] != noisy.labels[list(wrong)]).all()


def test_folds_are_even_in_each_class_and_keep_equal_pictures_together():
    labels = np.repeat([0, 1, 2], [50, 50, 7])
    digests = [digest(number) for number in range(107)]
    digests[1] = digests[0]
    found = cross_validation.folds(labels, digests)
    assert found[0] == found[1]
    for label, least in ((0, 9), (1, 10), (2, 1)):
        counts = np.bincount(found[labels == label], minlength=cross_validation.FOLDS)
        assert counts.min() >= least


def test_what_takes_seconds_meets_no_obstacle():
    _, some = examples()
    assert cross_validation.obstacle(len(some.labels), some.values.shape[-1], 4, RULE) is None


def test_the_work_that_heads_would_take_is_the_obstacle_not_the_number_of_classes():
    rule = RULE.with_overrides(steps=10_000, batch_size=512)
    assert cross_validation.obstacle(50_000, 2048, 10, rule) == (
        "5 heads of 10 classes on 2,048 features (steps: 10,000, batch size: 512) would take two "
        "cores about 63 s, more than 60 s"
    )
    long = rule.with_overrides(steps=10**6)
    assert "1 class on" in cross_validation.obstacle(50_000, 2048, 1, long)


@pytest.mark.parametrize(("num", "told"), [(1, "1 picture"), (4, "4 pictures")])
def test_fewer_pictures_than_folds_are_an_obstacle(num, told):
    assert cross_validation.obstacle(num, 16, 4, RULE) == f"{told} cannot be dealt into 5 folds"


def test_guesses_are_read_back_as_they_were_written(tmp_path):
    _, some = examples(num=8)
    probabilities = cross_validation.predict(some, 4, RULE, seed=1)
    found = list(cross_validation.guesses(some, probabilities, ["a", "b", "c", "d"]))
    cross_validation.write(str(tmp_path / "run"), iter(found))
    lines = (tmp_path / "run" / kept.FILE).read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=kept.Guess) for line in lines] == found
    assert found[1].label_score == pytest.approx(probabilities[1, 1])
