"""What a run says that it computes on."""

import pytest

from pipeline import device

L4 = {"device_name": "NVIDIA L4", "compute_capability": (8, 9)}
T4 = {"device_name": "Tesla T4"}


@pytest.mark.parametrize(
    ("gpus", "facts", "said"),
    [
        ([], {"cores": 2}, "CPU (2 cores)"),
        ([], {"cores": 1}, "CPU (1 core)"),
        ([L4], {}, "GPU NVIDIA L4"),
        ([L4, L4, T4], {}, "2 x GPU NVIDIA L4, GPU Tesla T4"),
        ([{}], {}, "GPU of unknown name"),
        ([], {"tpu": "local"}, "TPU local"),
    ],
)
def test_the_device_is_named(gpus, facts, said):
    assert device.words(gpus, dict, **{"cores": 8, "has_driver": bool(gpus), **facts}) == said


def test_a_gpu_that_lies_idle_is_told_with_what_to_install():
    said = device.words([], dict, cores=4, has_driver=True)
    assert said.startswith("CPU (4 cores)")
    assert "make setup GPU=1" in said
