"""A head on frozen features is what fine-tuning with a frozen backbone would make of it."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import TrainingError
from components import progress
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule
from components.bit.momentum import MomentumSGD
from components.bit.schedule import WarmupStaircase
from components.settings import TrainSettings
from components.training import best, features, fine_tuning, head, probe

RULE = HyperRule(
    steps=30,
    warmup_steps=5,
    boundaries=(20,),
    learning_rate=0.05,
    batch_size=8,
    resize=32,
    crop=32,
    eval_size=32,
    mixup_alpha=0.0,
)
SEED = 3
CLASSES = 3

NONE = probe.Examples(np.empty((0, 1, 0), np.float32), np.empty(0, np.int64))

random = np.random.default_rng(0)
LABELS = random.integers(0, CLASSES, 20)
PICTURES = (random.random((20, 32, 32, 3)) * 0.5 + LABELS[:, None, None, None] / 6).astype(
    "float32"
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return resnet_v2.build("R14x0.5", num_classes=CLASSES)


@pytest.fixture(scope="module")
def examples(model):
    network = features.network(model)
    views = [np.asarray(network(view)) for view in (PICTURES, PICTURES[:, :, ::-1])]
    return probe.Examples(np.stack(views, axis=1), LABELS)


@pytest.fixture(scope="module")
def frozen(model, examples):
    """Keras' own training of backbone, standardisation and head, of which only the head moves."""
    keras.utils.set_random_seed(1)
    twin = resnet_v2.build("R14x0.5", num_classes=CLASSES)
    flat = examples.values.reshape(40, -1)
    standard = keras.layers.Normalization(mean=flat.mean(0), variance=flat.var(0))
    dense = keras.layers.Dense(CLASSES, kernel_initializer="zeros")
    of_backbone = twin.get_layer(resnet_v2.FEATURES).output
    network = keras.Model(twin.input, dense(standard(of_backbone)))
    for layer in network.layers:
        layer.trainable = layer is dense
    network.compile(
        MomentumSGD(WarmupStaircase.from_rule(RULE)),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    one_hot = np.eye(CLASSES, dtype=np.float32)
    for rows, views in itertools.islice(probe.order(20, 2, 8, SEED), RULE.steps):
        pictures = np.where(
            views[:, None, None, None] == 1, PICTURES[rows, :, ::-1], PICTURES[rows]
        )
        network.train_on_batch(pictures, one_hot[LABELS[rows]])
    return network


def test_a_probe_is_fine_tuning_of_a_frozen_backbone_with_standardised_features(
    model, examples, frozen
):
    """Same pictures, views, order, schedule and momentum: the same logits of any picture.

    To float32's rounding; the one network standardises features, the other has it in its head.
    """
    fitted = probe.fit(examples, CLASSES, RULE, seed=SEED)
    probe.install(model, fitted)
    new = np.random.default_rng(9).random((16, 32, 32, 3), np.float32)
    np.testing.assert_allclose(model(new), frozen(new), atol=2e-4)
    dense = frozen.layers[-1]
    spread = examples.values.reshape(40, -1).std(0)
    np.testing.assert_allclose(fitted.kernel * spread[:, None], dense.kernel, atol=1e-4)
    assert np.abs(dense.kernel).max() > 0.01  # it has learned something


def test_under_two_replicas_a_probe_is_that_of_one_device(model, examples):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    keras.utils.set_random_seed(1)
    with strategy.scope():
        twin = resnet_v2.build("R14x0.5", num_classes=CLASSES)
    one, other = (features.identity(each, 32, mirrored=True, code="") for each in (model, twin))
    assert one == other
    seen = features.network(twin)(PICTURES[:4])
    np.testing.assert_allclose(seen, examples.values[:4, 0], atol=1e-4)
    rule = RULE.with_overrides(steps=3)
    head.train(twin, OneByOne(examples, NONE), rule, TrainSettings(seed=SEED))
    fitted = probe.fit(examples, CLASSES, rule, seed=SEED)
    assert np.abs(fitted.kernel).max() > 0
    kernel, bias = twin.get_layer(resnet_v2.HEAD).weights
    for variable, expected in ((kernel, fitted.kernel), (bias, fitted.bias)):
        copies = strategy.experimental_local_results(variable.value)
        assert len(copies) == 2
        for copy in copies:
            np.testing.assert_allclose(copy, expected, atol=1e-6)


def test_a_run_tells_why_it_does_not_look_for_wrong_labels(model, examples, tmp_path):
    few = probe.Examples(examples.values[:3], LABELS[:3], (b"1", b"2", b"3"))
    said = []
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        head.train(
            model,
            OneByOne(few, NONE),
            RULE.with_overrides(steps=1),
            TrainSettings(),
            doubts=head.Doubts(str(tmp_path), ["a", "b", "c"]),
        )
    assert said == [
        "wrong labels in the training split are not looked for: 3 pictures cannot be dealt into 5 "
        "folds"
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_backbone_stays_as_it_was(model, examples):
    before = [np.array(variable) for variable in model.variables[:-2]]
    probe.install(model, probe.fit(examples, CLASSES, RULE, seed=SEED))
    for variable, old in zip(model.variables[:-2], before, strict=True):
        np.testing.assert_array_equal(variable, old)


def test_a_pass_shows_every_picture_once_in_views_of_both_kinds():
    batches = list(itertools.islice(probe.order(12, 2, 8, 0), 6))
    rows, views = (np.concatenate([batch[part] for batch in batches]) for part in (0, 1))
    np.testing.assert_array_equal(np.bincount(rows[:12]), 1)
    np.testing.assert_array_equal(np.bincount(rows), 4)
    assert 10 < views.sum() < 38


def test_a_batch_may_show_few_pictures_many_times():
    started = time.process_time()
    rows, _ = next(probe.order(2, 1, 200_000, 0))
    np.testing.assert_array_equal(np.bincount(rows), 100_000)
    assert time.process_time() - started < 5  # added one pass at a time it takes half a minute


def test_a_batch_beyond_the_memory_is_refused(model):
    rule = RULE.with_overrides(batch_size=10**9, steps=1)
    told = r"a batch of 1,000,000,000 pictures takes .* GiB of memory, .* Set train\.batch_size"
    with pytest.raises(TrainingError, match=told):
        head.train(model, None, rule, TrainSettings())
    with pytest.raises(TrainingError, match=told):
        fine_tuning.seconds_per_picture(model, rule, TrainSettings(), tf.distribute.get_strategy())


def test_features_that_never_change_do_not_matter(examples):
    constant = np.concatenate([examples.values, np.full((20, 2, 1), 7, np.float32)], axis=-1)
    fitted = probe.fit(probe.Examples(constant, LABELS), CLASSES, RULE, seed=SEED)
    np.testing.assert_array_equal(fitted.kernel[-1], 0)
    plain = probe.fit(examples, CLASSES, RULE, seed=SEED)
    np.testing.assert_allclose(fitted.kernel[:-1], plain.kernel, atol=1e-5)


def test_a_rare_class_counts_as_much_where_classes_are_balanced():
    """One feature that tells nothing: the head can only learn how much each class counts."""
    values = np.random.default_rng(0).random((40, 1, 1), np.float32)
    labels = np.array([0] * 30 + [1] * 10)
    rule = RULE.with_overrides(steps=300, learning_rate=0.5, batch_size=8)

    def prefers_the_many(weights):
        examples = probe.Examples(np.repeat(values, 2, 1), labels)
        fitted = probe.fit(examples, 2, rule, seed=0, class_weights=weights)
        first, second = probe.answers(fitted, values.reshape(40, 1)).mean(0)
        return first - second

    assert prefers_the_many(None) == pytest.approx(np.log(3), abs=0.3)
    weights = np.array([40 / 2 / 30, 40 / 2 / 10], np.float32)
    assert prefers_the_many(weights) == pytest.approx(0, abs=0.3)


class OneByOne:
    """In place of `Frozen`."""

    def __init__(self, trained, held_out):
        self._both = trained, held_out

    def examples(self):
        return self._both


@pytest.mark.parametrize("patience", [None, 2])
def test_the_head_that_did_best_on_held_out_pictures_is_kept(model, examples, patience):
    shuffled = np.random.default_rng(1).permutation(LABELS)  # the longer, the worse
    held_out = probe.Examples(examples.values, shuffled)
    settings = TrainSettings(keep_best=True, checkpoint_every=4, patience=patience)
    frozen = OneByOne(examples, held_out)
    curve, step = head.train(model, frozen, RULE, settings)
    looks = [(p.step, p.held_out_accuracy, p.held_out_loss) for p in curve if p.held_out_loss]
    steps = [number for number, *_ in looks]
    assert steps == ([4, 8, 12, 16, 20, 24, 28, 30] if patience is None else steps)
    assert step == max(looks, key=lambda look: (look[1], -look[2]))[0]
    if patience:
        assert len(looks) == looks.index(next(x for x in looks if x[0] == step)) + 1 + patience
    weights = model.get_layer(resnet_v2.HEAD).get_weights()
    logits = probe.answers(probe.Head(*weights), examples.values[:, 0])
    total, right = best.score(logits, shuffled)
    assert (right / 20, total / 20) == pytest.approx(
        next(look[1:] for look in looks if look[0] == step)
    )


def test_a_step_of_a_head_is_measured_at_its_width_classes_and_batch():
    small = probe.seconds_per_step(16, 2, 8)
    assert 3 * small < probe.seconds_per_step(1024, 500, 256) < 10
    assert probe.seconds_per_step(16, 2, 8) is small  # once a process


def test_the_time_of_a_head_counts_the_cross_validation_where_there_is_one(model, monkeypatch):
    monkeypatch.setattr(probe, "seconds_per_step", lambda *_: 2.0)
    assert head.seconds(model, RULE, pictures=4) == 2.0 * RULE.steps
    folds_s = head.seconds(model, RULE, pictures=20) - 2.0 * RULE.steps
    assert 0 < folds_s < 10
    endless = RULE.with_overrides(steps=10**9)
    assert head.seconds(model, endless, pictures=20) == 2e9
