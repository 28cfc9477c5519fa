"""Rendered on a device, a step shows what it shows rendered by Pillow."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")

from pretraining import views  # noqa: E402  PyTorch must be there
from pretraining.batches import Source, Targets  # noqa: E402
from pretraining.feeds import FromDevice, FromProcessor  # noqa: E402
from pretraining.resident import Resident  # noqa: E402


@pytest.fixture(scope="module")
def resident(stored):
    return Resident(stored, "cpu")


@pytest.mark.parametrize("size", [16, 64])
def test_a_view_is_that_of_pillow(stored, resident, size):
    count = len(stored)
    of_view = views.of(count, seed=0, view=1)
    numbers = np.arange(0, count, 7)
    boxes, flips = of_view.boxes[numbers], of_view.flips[numbers]
    rendered = resident.render(*map(torch.from_numpy, (numbers, boxes, flips)), size, "bilinear")
    assert rendered.is_contiguous(memory_format=torch.channels_last)
    expected = np.stack(
        [
            views.render(stored[number], box, bool(flip), size)
            for number, box, flip in zip(numbers, boxes, flips, strict=True)
        ]
    )
    # Generated pictures are noise with hard edges, the worst case for two ways of smoothing.
    difference = np.abs(rendered.permute(0, 2, 3, 1).numpy() - expected / 255)
    assert difference.mean() < 0.02
    mirrored = np.abs(rendered.flip(3).permute(0, 2, 3, 1).numpy() - expected / 255)
    assert mirrored.mean() > 3 * difference.mean()


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_a_step_is_that_of_the_processor(stored, answered, resident, mixup):
    source = Source(stored, [answered, answered], 0, 16, Targets(0.5, mixup))
    on_device, on_processor = FromDevice(source, resident, "cpu"), FromProcessor(source)
    images, targets = on_device.finish(on_device.prepare(3, 32))
    expected, expected_targets = on_processor.finish(on_processor.prepare(3, 32))
    assert images.shape == expected.shape == (16, 3, 32, 32)
    assert float((images - expected).abs().mean()) < 0.02
    torch.testing.assert_close(targets, expected_targets, rtol=1e-4, atol=1e-6)
