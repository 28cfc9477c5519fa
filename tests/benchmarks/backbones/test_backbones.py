"""What is measured of a small network, and the page that is written of it."""

import os
from pathlib import Path

import pytest

from benchmarks.backbones import measuring, page
from benchmarks.backbones.measuring import Measured, Run
from benchmarks.bit.contenders import bitpipe_features
from benchmarks.bit.task import Task, Unavailable
from tests.pictures import picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(picture("red", noise=number, form="JPEG"))
    return tmp_path


@pytest.mark.benchmarks
@pytest.mark.skipif(
    not os.environ.get("BENCHMARKS"), reason="starts TensorFlow; `make test-benchmarks` runs it"
)
def test_each_picture_is_timed_and_the_memory_of_the_process_known(photos):
    [one] = measuring.backbones(["R14x0.5"], photos, str(photos), pictures=2, count=2, size=32)
    assert len(one.seconds) == 2
    assert min(one.seconds) > 0
    # The file has BiT-M's head, as released ones have.
    assert one.file_bytes > 4 * 1024 * 21_843
    assert 2**28 < one.peak_bytes < 2**33


def test_too_few_pictures_are_told(photos):
    with pytest.raises(Unavailable, match="holds 3 JPEG files, 4 are needed"):
        bitpipe_features.prepare(Task("", "R14x0.5", 32, 4, False), str(photos))


def test_the_page_scales_what_was_measured():
    measured = [
        Measured("R50x1", 10**8, [1.0, 1.0, 3.0], 5, 2**30),
        Measured("R101x1", 2 * 10**8, [2.0, 2.0, 2.0], 5, 2**31),
    ]
    text = page.write(
        "a machine", "command", measured, Run(10, 130.0, {"Trainer": 80.2, "Pusher": 0.1}, 2**31)
    )
    assert "| R50x1 | 100 MB | 200 | 200 to 600 | 1.0 | 1.0 GiB |" in text
    assert "| R101x1 | 200 MB | 400 | 400 to 400 | 2.0 | 2.0 GiB |" in text
    assert (
        "10 together: 2 min,\nimports included, and 2.0 GiB at most. Stages: Trainer 80 s." in text
    )
