import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.bit import hyperrule

SMALL_IMAGE, LARGE_IMAGE = 32 * 32, 500 * 375


@pytest.mark.parametrize(
    ("num_examples", "steps", "warmup_steps", "boundaries", "mixup_alpha"),
    [
        (1, 500, 100, (200, 300, 400), 0.0),
        (19_999, 500, 100, (200, 300, 400), 0.0),
        (20_000, 10_000, 500, (3000, 6000, 9000), 0.1),
        (499_999, 10_000, 500, (3000, 6000, 9000), 0.1),
        (500_000, 20_000, 500, (6000, 12_000, 18_000), 0.1),
        (300_000_000, 20_000, 500, (6000, 12_000, 18_000), 0.1),
    ],
)
def test_schedule_follows_the_number_of_examples(
    num_examples, steps, warmup_steps, boundaries, mixup_alpha
):
    rule = hyperrule.for_dataset(num_examples, LARGE_IMAGE)
    assert (rule.steps, rule.warmup_steps, rule.boundaries) == (steps, warmup_steps, boundaries)
    assert rule.mixup_alpha == mixup_alpha
    assert (rule.learning_rate, rule.batch_size) == (0.003, 512)


@pytest.mark.parametrize(
    ("image_area", "resize", "crop"),
    [(1, 160, 128), (96 * 96 - 1, 160, 128), (96 * 96, 512, 480), (4000 * 3000, 512, 480)],
)
def test_resolution_follows_the_image_area(image_area, resize, crop):
    rule = hyperrule.for_dataset(1000, image_area)
    assert (rule.resize, rule.crop, rule.eval_size) == (resize, crop, crop)


def test_what_is_served_is_as_large_as_a_crop_unless_something_else_is_said():
    rule = hyperrule.for_dataset(1000, SMALL_IMAGE)
    assert rule.with_overrides(crop=96).eval_size == 96
    other = rule.with_overrides(crop=96, eval_size=160)
    assert (other.crop, other.eval_size) == (96, 160)
    assert other.with_overrides(steps=20).eval_size == 160


def test_a_smaller_batch_takes_more_and_smaller_steps():
    rule = hyperrule.for_dataset(1000, SMALL_IMAGE, batch_size=64)
    assert rule.steps == 4000
    assert rule.warmup_steps == 800
    assert rule.boundaries == (1600, 2400, 3200)
    assert rule.learning_rate == pytest.approx(0.000375)


def test_base_learning_rate_belongs_to_batch_512():
    assert hyperrule.for_dataset(1, 1, base_lr=0.01).learning_rate == pytest.approx(0.01)
    rule = hyperrule.for_dataset(1, 1, base_lr=0.01, batch_size=1024)
    assert rule.learning_rate == pytest.approx(0.02)


@given(
    num_examples=st.integers(1, 10**7),
    image_area=st.floats(1, 1e8),
    batch_size=st.integers(1, 10**6),
)
def test_any_batch_size_keeps_the_examples_seen_and_the_order_of_events(
    num_examples, image_area, batch_size
):
    reference = hyperrule.for_dataset(num_examples, image_area)
    rule = hyperrule.for_dataset(num_examples, image_area, batch_size=batch_size)
    assert rule.warmup_steps <= rule.boundaries[0] <= rule.boundaries[-1] <= rule.steps
    assert rule.learning_rate / batch_size == pytest.approx(0.003 / 512)
    assert abs(rule.steps * batch_size - reference.steps * 512) <= batch_size
    last = rule.learning_rate_at(rule.steps)
    assert 0 < last <= rule.learning_rate


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),
        (1, 0.00003),
        (50, 0.0015),
        (99, 0.00297),
        (100, 0.003),
        (200, 0.003),
        (201, 0.0003),
        (300, 0.0003),
        (301, 0.00003),
        (400, 0.00003),
        (401, 0.000003),
        (499, 0.000003),
        (10_000, 0.000003),
    ],
)
def test_learning_rate_warms_up_and_decays_tenfold_after_each_boundary(step, expected):
    rule = hyperrule.for_dataset(1000, SMALL_IMAGE)
    assert rule.learning_rate_at(step) == pytest.approx(expected)


@given(steps=st.integers(1, 100_000))
def test_overriding_steps_rescales_warmup_and_boundaries(steps):
    rule = hyperrule.for_dataset(1000, SMALL_IMAGE).with_overrides(steps=steps)
    assert rule.steps == steps
    assert rule.warmup_steps == round(steps / 5)
    assert rule.boundaries == (round(steps * 0.4), round(steps * 0.6), round(steps * 0.8))
    assert rule.learning_rate == 0.003


def test_overriding_the_batch_size_equals_asking_for_it():
    by_override = hyperrule.for_dataset(1000, SMALL_IMAGE).with_overrides(batch_size=128)
    assert by_override == hyperrule.for_dataset(1000, SMALL_IMAGE, batch_size=128)


def test_what_is_overridden_is_taken_as_it_is():
    rule = hyperrule.for_dataset(1000, SMALL_IMAGE).with_overrides(
        batch_size=128, steps=100, learning_rate=0.001, warmup_steps=0, boundaries=[50]
    )
    assert (rule.steps, rule.learning_rate) == (100, 0.001)
    assert (rule.warmup_steps, rule.boundaries) == (0, (50,))
    assert rule.learning_rate_at(0) == 0.001


def test_an_unknown_override_is_rejected_with_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'learning_rate'"):
        hyperrule.for_dataset(1000, SMALL_IMAGE).with_overrides(learnin_rate=1.0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"steps": 0}, "steps must be an integer of at least 1. Received: 0"),
        ({"steps": 1.5}, "Received: 1.5"),
        ({"steps": True}, "Received: True"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        ({"crop": 200}, "crop=200, resize=160"),
        ({"resize": 96}, "crop=128, resize=96"),
        ({"eval_size": 0}, "eval_size must be an integer of at least 1"),
        ({"mixup_alpha": -0.1}, "mixup_alpha must be"),
        ({"warmup_steps": 450}, "warmup_steps=450"),
        ({"boundaries": (300, 200)}, "boundaries=\\(300, 200\\)"),
        ({"boundaries": (501,)}, "steps=500"),
    ],
)
def test_contradicting_overrides_are_rejected(overrides, message):
    with pytest.raises(ValueError, match=message):
        hyperrule.for_dataset(1000, SMALL_IMAGE).with_overrides(**overrides)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"num_examples": 0}, "num_examples"),
        ({"num_examples": 2.0}, "num_examples"),
        ({"image_area": 0}, "image_area"),
        ({"image_area": "large"}, "image_area"),
        ({"batch_size": 0}, "batch_size"),
        ({"base_lr": -0.003}, "base_lr"),
    ],
)
def test_impossible_facts_are_rejected_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must be .* Received: "):
        hyperrule.for_dataset(**({"num_examples": 1000, "image_area": 1024} | arguments))


def test_a_negative_step_has_no_learning_rate():
    with pytest.raises(ValueError, match="Received: -1"):
        hyperrule.for_dataset(1000, SMALL_IMAGE).learning_rate_at(-1)


@given(
    batch_size=st.sampled_from([2**power for power in range(10)]),
    other=st.sampled_from([2**power for power in range(10)]),
)
def test_the_rate_depends_on_examples_seen_not_on_the_batch(batch_size, other):
    rules = [hyperrule.for_dataset(9, 9, batch_size=size) for size in (batch_size, other)]
    for examples in range(0, 500 * 512, 512 * 50):
        rates = [rule.learning_rate_at(examples // rule.batch_size) for rule in rules]
        assert rates[0] / batch_size == pytest.approx(rates[1] / other)


def test_a_rule_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        hyperrule.for_dataset(1000, SMALL_IMAGE).steps = 1


def test_the_rule_imports_no_framework():
    code = (
        "import sys; import components.bit.hyperrule; "
        "sys.exit(bool({'numpy', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
