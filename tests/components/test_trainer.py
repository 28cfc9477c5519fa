"""Fine-tuning learns, follows the schedule and says when it cannot go on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import ConfigError, TrainingError
from bitpipe.model.training import Point
from components import progress, trainer
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import best, fine_tuning, loop, phases
from tests.components.training import small

RULE = HyperRule(
    steps=25,
    warmup_steps=2,
    boundaries=(20,),
    learning_rate=0.02,
    batch_size=8,
    resize=32,
    crop=32,
    eval_size=32,
    mixup_alpha=0.0,
)


@pytest.fixture
def batches():
    """Bright pictures are class 1, dark ones class 0."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = 0.25 + 0.5 * labels[:, None, None, None] + rng.uniform(-0.2, 0.2, (64, 32, 32, 3))
    pairs = tf.data.Dataset.from_tensor_slices((images.astype("float32"), np.eye(2)[labels]))
    batches = pairs.repeat().batch(RULE.batch_size, drop_remainder=True)
    return batches.skip


@pytest.fixture
def model():
    return new_model()


def new_model():
    keras.utils.set_random_seed(1)
    return small.build(2)


@pytest.fixture
def fine_tune(tmp_path):
    def run(model, batches, rule=RULE, settings=TrainSettings(), **options):  # noqa: B008
        options = {"checkpoint_dir": str(tmp_path / "checkpoints"), **options}
        return fine_tuning.fine_tune(model, batches, rule, settings, **options)

    return run


def test_loss_falls_every_variable_moves_and_each_step_is_reported(batches, fine_tune):
    keras.utils.set_random_seed(1)
    model = resnet_v2.build("R14x0.5", num_classes=2)
    before = [np.array(variable) for variable in model.trainable_variables]
    reports = []
    with progress.listen(lambda *report: reports.append(report)):
        fine_tune(model, batches)
    assert [(stage, done, total) for stage, done, total, _ in reports] == [
        (loop.STAGE, step, RULE.steps) for step in range(1, RULE.steps + 1)
    ]
    metrics = [report[3] for report in reports]
    assert metrics[0]["loss"] == pytest.approx(np.log(2), abs=1e-3)  # the head starts at zero
    assert metrics[-1]["loss"] < 0.1
    assert metrics[-1]["accuracy"] > 0.95
    assert metrics[-1]["images_per_s"] > 0
    # The last steps are shown alone, not averaged with the first ones.
    assert metrics[-1]["loss"] < metrics[10]["loss"]
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.abs(np.array(variable) - old).max() > 0, variable.path


def test_the_first_loss_is_that_of_a_head_of_zeros_also_in_micro_batches(model, batches, fine_tune):
    seen = []
    with progress.listen(lambda *report: seen.append((report[1], report[3]["loss"]))):
        rule = RULE.with_overrides(steps=3)
        fine_tune(model, batches, rule, TrainSettings(micro_batch_size=2))
    assert [done for done, _ in seen] == [1, 2, 3]
    assert seen[0][1] == pytest.approx(np.log(2), abs=1e-4)


def test_a_loss_that_is_no_number_stops_with_the_remedy(model, batches, fine_tune):
    wild = RULE.with_overrides(learning_rate=1e20)
    with pytest.raises(TrainingError, match=r"diverged.*train\.learning_rate"):
        fine_tune(model, batches, wild)


def test_what_the_last_update_ruins_is_seen_too(batches, fine_tune):
    model = resnet_v2.build("R14x0.5", num_classes=2)  # enough features to sum up beyond float32
    # The only loss is taken before the only update.
    wild = RULE.with_overrides(steps=1, warmup_steps=0, boundaries=(), learning_rate=3e38)
    phases.check_answers(model, wild)
    fine_tune(model, batches, wild)
    with pytest.raises(TrainingError, match=r"diverged.*the last.*train\.learning_rate"):
        phases.check_answers(model, wild)


def test_tensorboard_finds_the_curves(model, batches, fine_tune, tmp_path):
    fine_tune(model, batches, RULE.with_overrides(steps=2), log_dir=str(tmp_path / "log"))
    assert list((tmp_path / "log").rglob("events.out.tfevents.*"))


def test_the_micro_batch_must_divide_a_devices_share(model, batches, fine_tune):
    with pytest.raises(ConfigError, match=r"share of the batch, 8\. Received: 3"):
        fine_tune(model, batches, settings=TrainSettings(micro_batch_size=3))


def test_a_batch_that_the_devices_cannot_share_is_refused(batches, fine_tune):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = new_model()
    rule = RULE.with_overrides(batch_size=7)
    with pytest.raises(ConfigError, match=r"multiple of the 2 devices\. Received: 7"):
        fine_tune(model, batches, rule, strategy=strategy)


def always(*scores):
    """Looks that see these, one after the other: (loss, accuracy)."""
    seen = iter(scores)
    return lambda: next(seen)


KEPT = TrainSettings(checkpoint_every=2, keep_best=True)


@pytest.fixture
def tiny(new_tiny):
    return new_tiny()


def test_the_weights_of_the_best_look_are_the_models_at_the_end(
    tiny, new_tiny, batches, fine_tune, tmp_path
):
    rule = RULE.with_overrides(steps=5)
    twin = new_tiny()
    fine_tune(twin, batches, rule.with_overrides(steps=4), checkpoint_dir=str(tmp_path / "twin"))
    looks = always((3, 0.1), (2, 0.5), (1, 0.75), (0.5, 0.7))  # before, and after 2, 4, 5
    finished = fine_tune(tiny, batches, rule, KEPT, look=looks)
    assert finished.best_step == 4
    points = {point.step: point for point in finished.curve}
    assert points[4].held_out_accuracy == 0.75
    assert [step for step, point in points.items() if point.held_out_loss] == [0, 2, 4, 5]
    assert points[5].loss is not None
    for one, other in zip(tiny.variables, twin.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=one.path)


def test_training_that_only_does_harm_ends_with_the_weights_it_began_with(tiny, batches, fine_tune):
    before = tiny.get_weights()
    harmed = [(1 + step, 0.5) for step in range(4)]
    finished = fine_tune(tiny, batches, RULE.with_overrides(steps=5), KEPT, look=always(*harmed))
    assert finished.best_step == 0
    for value, old in zip(tiny.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_a_plateau_ends_training_early_where_patience_is_set(tiny, batches, fine_tune):
    said, done = [], []
    settings = TrainSettings(checkpoint_every=2, keep_best=True, patience=2)
    looks = always((1, 0.5), (0.9, 0.5), (1, 0.5), (1.1, 0.5))
    with progress.listen(
        lambda *report: done.append(report[1]), said=lambda _, text: said.append(text)
    ):
        finished = fine_tune(tiny, batches, settings=settings, look=looks)
    assert (done[-1], finished.best_step) == (6, 2)
    assert "ended after step 6 of 25" in said[-1]


def test_a_resumed_run_knows_its_best_look_and_its_curve(
    tiny, new_tiny, batches, fine_tune, tmp_path
):
    class Killed(Exception):
        pass

    def killed():
        raise Killed

    seen = iter([(3, 0.1), (2, 0.9), (2, 0.5)])
    rule = RULE.with_overrides(steps=8)
    with pytest.raises(Killed):
        fine_tune(tiny, batches, rule, KEPT, look=lambda: next(seen, None) or killed())
    best_weights = [path.name for path in (tmp_path / "checkpoints").glob("best-*.index")]
    assert sorted(best_weights) == ["best-0.index", "best-2.index"]
    resumed = new_tiny()
    finished = fine_tune(resumed, batches, rule, KEPT, look=always((1, 0.8), (1, 0.8)))
    assert finished.best_step == 2
    looks = [point.step for point in finished.curve if point.held_out_loss]
    assert looks == [0, 2, 4, 6, 8]
    finished.discard()
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("accuracies", "kept"), [((0.8, 0.7, 0.9), 2), ((0.8, 0.7, 0.8), 2), ((0.9, 0.8, 0.7), 0)]
)
def test_a_phase_that_makes_it_worse_on_held_out_pictures_is_undone(tiny, accuracies, kept):
    ends = best.Ends(tiny)
    kernel = tiny.get_layer(resnet_v2.HEAD).kernel
    for phase, accuracy in enumerate(accuracies):
        kernel.assign(keras.ops.full_like(kernel, phase))
        look = Point(phase="probe", step=50, held_out_loss=1.0, held_out_accuracy=accuracy)
        ends.add([Point(phase="probe", step=20, loss=1.0), look], 50)
    kernel.assign(keras.ops.full_like(kernel, 7))
    ends.add([Point(phase="fine_tune", step=20, loss=1.0)], None)  # which was not looked at
    assert ends.restore() == 50
    assert (np.asarray(kernel) == kept).all()
    assert ends.undone == (kept != 2)
    assert best.Ends(tiny).restore() is None  # nothing is held out


def test_a_class_that_counts_nothing_is_not_learned(tiny, batches, fine_tune):
    weights = np.array([0, 1], np.float32)
    fine_tune(tiny, batches, RULE.with_overrides(steps=10), class_weights=weights)
    dark = tiny(np.full((4, 32, 32, 3), 0.25, np.float32)).numpy()
    assert (dark.argmax(1) == 1).all()


def test_the_first_steps_tell_how_long_it_takes(tiny, batches, fine_tune):
    said = []
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        fine_tune(tiny, batches, announce=True)
    (sentence,) = said
    assert "fine_tune takes about" in sentence
    assert "25 steps of 8 pictures at 32 px" in sentence


def head_rules(num_examples=3000, method="auto", **overrides):
    rule = RULE.with_overrides(**{"steps": 40, "learning_rate": 0.02} | overrides)
    return trainer._head_rules(rule, num_examples, tuple(overrides), TrainSettings(method=method))


def test_a_head_takes_the_rules_own_schedule_whatever_batch_fits_the_network():
    for rule in head_rules(resize=40, crop=36, batch_size=8).values():
        assert (rule.steps, rule.batch_size, rule.boundaries) == (500, 512, (200, 300, 400))
        assert rule.learning_rate == pytest.approx(0.01)


def test_a_head_is_trained_and_exported_at_the_size_of_the_run():
    for rule in head_rules(resize=40, crop=36).values():
        assert (rule.resize, rule.crop) == (40, 36)


def test_a_heads_schedule_is_that_of_the_pictures_that_were_drawn():
    assert {rule.steps for rule in head_rules(num_examples=250_000).values()} == {10_000}
    assert {rule.steps for rule in head_rules(num_examples=25).values()} == {500}


def test_what_is_overridden_is_meant_for_a_head_that_was_asked_for():
    only, first = head_rules(method="probe", steps=40).values()
    assert (only.steps, only.batch_size) == (40, 8)
    assert only.learning_rate == pytest.approx(0.01 * 8 / 512)
    assert (first.steps, first.batch_size) == (500, 512)
    only, first = head_rules(method="probe", learning_rate=0.02).values()
    assert only.learning_rate == pytest.approx(0.02)
    assert first.learning_rate == pytest.approx(0.01)
    only, first = head_rules(method="probe", warmup_steps=0, boundaries=(10,)).values()
    assert (only.warmup_steps, only.boundaries) == (0, (10,))
    assert (first.warmup_steps, first.boundaries) == (100, (200, 300, 400))


@pytest.mark.parametrize("method", ["auto", "probe_then_fine_tune"])
def test_else_what_is_overridden_is_meant_for_the_whole_network(method):
    given = {"steps": 40, "learning_rate": 0.02, "warmup_steps": 3, "boundaries": (10,)}
    for rule in head_rules(method=method, **given).values():
        assert (rule.steps, rule.batch_size, rule.warmup_steps) == (500, 512, 100)
        assert rule.learning_rate == pytest.approx(0.01)
