"""Strategy and precision follow from what is there and from the settings."""

import json

import pytest
import tensorflow as tf

from bitpipe.errors import ConfigError
from components.training import devices


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("TPU_NAME", raising=False)


def cluster(monkeypatch, index, workers=2, chief=()):
    members = {"worker": [f"localhost:{port}" for port in range(workers)]}
    if chief:
        members["chief"] = list(chief)
    task = {"type": "worker", "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": members, "task": task}))


@pytest.mark.parametrize("distribution", ["auto", "one_device"])
def test_a_machine_without_accelerator_is_one_device_in_float32(distribution):
    chosen = devices.strategy(distribution)
    assert chosen.num_replicas_in_sync == 1
    assert devices.policy("auto", chosen) == "float32"
    assert not devices.accelerated(chosen)


def test_mirrored_takes_all_devices():
    count = len(tf.config.list_logical_devices("CPU"))
    assert devices.strategy("mirrored").num_replicas_in_sync == count


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ([(9, 0)], "mixed_bfloat16"),
        ([(8, 0)], "mixed_bfloat16"),
        ([(7, 5)], "mixed_float16"),
        ([(8, 0), (7, 0)], "mixed_float16"),
        ([(6, 1)], "float32"),
        ([None], "float32"),
    ],
)
def test_precision_is_what_the_oldest_gpu_computes_in(capabilities, expected, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: capabilities)
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"compute_capability": gpu} if gpu else {},
    )
    assert devices.policy("auto", tf.distribute.get_strategy()) == expected


def test_a_chosen_precision_stands():
    assert devices.policy("mixed_float16", tf.distribute.get_strategy()) == "mixed_float16"


def test_several_gpus_are_mirrored_and_one_is_not(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a", "b"])
    assert devices._what_is_there() == "mirrored"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a"])
    assert devices._what_is_there() == "one_device"


def test_a_cluster_and_a_tpu_are_found_in_the_environment(monkeypatch):
    cluster(monkeypatch, 0)
    assert devices._what_is_there() == "multi_worker"
    monkeypatch.setenv("TPU_NAME", "local")
    assert devices._what_is_there() == "tpu"


@pytest.mark.parametrize(("index", "chief", "expected"), [(0, (), True), (1, (), False)])
def test_the_first_worker_is_the_chief(index, chief, expected, monkeypatch):
    cluster(monkeypatch, index, chief=chief)
    assert devices.is_chief() is expected


def test_a_chief_of_its_own_goes_before_the_first_worker(monkeypatch):
    cluster(monkeypatch, 0, chief=["localhost:9"])
    assert not devices.is_chief()


def test_alone_one_is_the_chief():
    assert devices.is_chief()


def test_workers_that_nobody_described_are_one_sentence():
    with pytest.raises(ConfigError, match=r"TF_CONFIG describes no workers\. Set it"):
        devices.strategy("multi_worker")


def test_a_tpu_that_is_not_there_is_one_sentence():
    with pytest.raises(ConfigError, match="no TPU answers"):
        devices.strategy("tpu")


def test_a_broken_description_of_the_cluster_is_one_sentence(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{worker")
    with pytest.raises(ConfigError, match="TF_CONFIG is not JSON"):
        devices.strategy("auto")
