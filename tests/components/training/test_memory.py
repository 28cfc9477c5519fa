"""The micro-batch is the largest that fits."""

from unittest import mock

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitpipe.errors import TrainingError
from components.bit import resnet_v2
from components.training import memory

MODEL = resnet_v2.build("R14x0.5", num_classes=3)


@pytest.fixture
def known():
    """What a step takes, without asking the network for each example."""
    with mock.patch.object(memory, "step_bytes", return_value=memory.step_bytes(MODEL, 64)):
        yield


@pytest.mark.usefixtures("known")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch_size=st.integers(1, 600), available=st.integers(0, 1 << 36))
def test_it_divides_the_batch_and_is_at_least_one(batch_size, available):
    size = memory.micro_batch_size(MODEL, batch_size, 32, available)
    assert size >= 1
    assert batch_size % size == 0


@pytest.mark.usefixtures("known")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(available=st.lists(st.integers(0, 1 << 36), min_size=2, max_size=2).map(sorted))
def test_more_memory_never_means_fewer_pictures(available):
    less, more = (memory.micro_batch_size(MODEL, 512, 64, bytes_) for bytes_ in available)
    assert less <= more


def test_the_activations_grow_with_the_area_and_shrink_with_the_precision():
    small, large = (memory.activation_bytes(MODEL, side) for side in (64, 128))
    assert large == pytest.approx(4 * small, rel=0.03)
    half = memory.activation_bytes(resnet_v2.build("R14x0.5", 3, dtype="mixed_bfloat16"), 64)
    assert half == pytest.approx(small / 2, rel=0.05)


def test_released_networks_at_480_pixels_fit_into_a_gpu_in_parts():
    # 500 MB a picture in float32: two dozen at most into 16 GB.
    size = memory.micro_batch_size(resnet_v2.build("R50x1"), 512, 480, 16 << 30)
    assert 4 <= size <= 16


@pytest.mark.parametrize(
    ("variant", "side", "measured_mb"),
    [
        ("R50x1", 128, {4: 816, 8: 951, 16: 1241, 32: 1675}),
        ("R50x1", 224, {2: 884, 4: 1091, 8: 1467}),
        ("R101x1", 128, {4: 1424, 8: 1586}),
    ],
)
def test_the_estimate_is_a_little_above_what_steps_took(variant, side, measured_mb):
    model = resnet_v2.build(variant, num_classes=10)
    fixed, per_picture = memory.step_bytes(model, side)
    for pictures, megabytes in measured_mb.items():
        estimate = (fixed + pictures * per_picture) / 1e6
        assert megabytes < estimate < 1.2 * megabytes


def test_a_batch_beyond_the_memory_is_told_with_what_makes_it_smaller():
    with pytest.raises(TrainingError, match=r"^a batch of 2,000 pictures .* Set train.batch_size"):
        memory.require_batch(2_000, 1 << 50)
    with pytest.raises(TrainingError, match=r"^a picture takes .* Set train\.crop and"):
        memory.require_batch(1, 1 << 50)


def test_the_machine_has_memory():
    assert memory.available_bytes() > 1 << 20


def test_the_limit_of_the_control_group_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("1000\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (str(limit),))
    assert memory.available_bytes() == 0  # this process alone is larger
    with pytest.raises(TrainingError, match=r"^a batch of 2 pictures takes .* 0\.0 are free"):
        memory.require_batch(2, 1)
    limit.write_text("max\n")
    assert memory.available_bytes() > 1 << 20


def test_layers_of_any_functional_model_are_counted():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs))
    assert memory.activation_bytes(model, 10) == 2 * 10 * 10 * 3 * 4  # the input and its double
