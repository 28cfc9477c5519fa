"""Two workers train like one device, and go on together when one of them has been ended."""

import socket
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import tensorflow as tf

from components.training import devices
from tests.components.training import worker
from tests.components.training.worker import RULE, Run

TIMEOUT_S = 150


class Ended(NamedTuple):
    """What one worker left behind."""

    returncode: int
    lines: list[str]
    errors: str
    folder: Path

    def steps(self, name):
        return [int(line.split()[1]) for line in self.lines if line.split()[0] == name]


@pytest.fixture(scope="module")
def transform_dir(transform_output):
    return Path(transform_output.transform_savedmodel_dir).parent


@pytest.fixture(scope="module")
def workers(parent, tmp_path_factory, transform_dir, train_files):
    """Runs a cluster of two on this machine, to the end of both; takes the runs of each worker."""

    def start(*runs_of_workers):
        members = [f"localhost:{port}" for port in free_ports(len(runs_of_workers))]
        started = []
        for index, runs in enumerate(runs_of_workers):
            task = {"type": "worker", "index": index}
            config = msgspec.json.encode({"cluster": {"worker": members}, "task": task})
            folder = tmp_path_factory.mktemp(f"worker{index}_")
            process = parent.start(
                worker.__name__,
                *(transform_dir, folder, msgspec.json.encode(runs).decode(), *train_files),
                environment={"TF_CONFIG": config.decode()},
                output=folder / "out",
                errors=folder / "errors",
            )
            started.append((process, folder))
        return [
            Ended(
                parent.wait(process, TIMEOUT_S),
                (folder / "out").read_text().splitlines(),
                (folder / "errors").read_text(),
                folder,
            )
            for process, folder in started
        ]

    return start


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def interrupted(workers, shared):
    """An undisturbed run, then one whose chief is ended between two checkpoints."""
    undisturbed = Run("undisturbed", str(shared / "undisturbed"))
    ended, bereaved = (Run("killed", str(shared / "killed"), step) for step in (5, 0))
    return workers([undisturbed, ended], [undisturbed, bereaved])


@pytest.fixture(scope="module")
def resumed(interrupted, workers, shared):
    """The same run once more, first where the second worker does not see the checkpoints."""
    kept = sorted(path.name for path in (shared / "killed").iterdir())
    steps = (f"ckpt-{step}" for step in (2, 4))
    parts = (".data-00000-of-00001", ".index")
    assert kept == [*(f"{step}{part}" for step in steps for part in parts), "curve.json"]
    run = Run("resumed", str(shared / "killed"))
    return workers(
        [Run("unshared", run.checkpoints), run], [Run("unshared", str(shared / "other")), run]
    )


def weights(path):
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def test_both_workers_end_with_the_weights_of_one_device(
    interrupted, transform_output, train_files, tmp_path
):
    run = Run("alone", str(tmp_path / "checkpoints"))
    worker.train(run, tf.distribute.get_strategy(), transform_output, train_files, tmp_path)
    alone = weights(tmp_path / "alone.npz")
    first, second = (weights(ended.folder / "undisturbed.npz") for ended in interrupted)
    for one, other, expected in zip(first, second, alone, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, expected, atol=1e-5)


def test_only_the_chief_writes_curves_and_the_checkpoints_go_when_the_run_is_done(
    interrupted, shared
):
    curves = [
        len(list((ended.folder / "undisturbed").rglob("events.out.tfevents.*")))
        for ended in interrupted
    ]
    assert curves == [1, 0]
    assert not (shared / "undisturbed").exists()


def test_when_one_worker_is_ended_the_other_says_what_to_do(interrupted):
    chief, other = interrupted
    assert chief.steps("killed") == [1, 2, 3, 4, 5]
    assert chief.returncode == 143
    assert "Interrupted (SIGTERM): the same command starts again." in chief.errors.splitlines()
    assert other.returncode == 1
    # Not always the last line: gRPC's threads log until the process ends.
    assert (
        "bitpipe.errors.TrainingError: another worker stopped answering during the training "
        "step. Start all workers again: they go on from the last checkpoint."
    ) in other.errors.splitlines(), other.errors


def test_both_workers_go_on_at_the_chiefs_last_checkpoint(interrupted, resumed, shared):
    for ended, before in zip(resumed, interrupted, strict=True):
        assert ended.returncode == 0, ended.errors
        assert ended.steps("resumed") == [5, RULE.steps]
        pairs = (ended.folder / "resumed.npz", before.folder / "undisturbed.npz")
        for one, other in zip(*map(weights, pairs), strict=True):
            np.testing.assert_array_equal(one, other)
    assert not (shared / "killed").exists()


def test_workers_that_do_not_share_the_checkpoints_are_refused(resumed, shared):
    for ended in resumed:
        assert not ended.steps("unshared")
        assert "must share the folder of the checkpoints" in ended.lines[0]
        assert "after steps [4, 0]" in ended.lines[0]
    assert not (shared / "other").exists()


def test_alone_a_worker_hears_itself_only():
    assert devices.of_all_workers(3, tf.distribute.get_strategy()) == [3]
