"""A killed run goes on at its last checkpoint and ends with the weights of an undisturbed one."""

import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from components.training import checkpoints

ROOT = Path(__file__).parents[3]

# In a process of its own, which can be killed. Arguments: checkpoints, weights, step of the kill.
PROGRAM = """
import os, signal, sys
import keras, numpy as np, tensorflow as tf
from components import progress
from components.bit import resnet_v2
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import fine_tuning

folder, weights, killed_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
rule = HyperRule(steps=6, warmup_steps=1, boundaries=(4,), learning_rate=0.02, batch_size=4,
                 resize=32, crop=32, mixup_alpha=0.0)
keras.utils.set_random_seed(0)
model = resnet_v2.build("R14x0.5", num_classes=2)
rng = np.random.default_rng(0)
labels = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 24)]
pictures = tf.data.Dataset.from_tensor_slices((rng.random((24, 32, 32, 3), np.float32), labels))
batches = pictures.batch(4, drop_remainder=True)

def after(stage, done, total, metrics):
    print(done, flush=True)
    if done == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)

with progress.listen(after):
    fine_tuning.fine_tune(model, batches.skip, rule, TrainSettings(checkpoint_every=2),
                      checkpoint_dir=folder)
np.savez(weights, *model.get_weights())
"""


def run(folder, weights, killed_at=0):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(weights), str(killed_at)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    undisturbed = run(tmp_path / "a", tmp_path / "a.npz")
    assert undisturbed.returncode == 0, undisturbed.stderr
    killed = run(tmp_path / "b", tmp_path / "b.npz", killed_at=5)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "b.npz").exists()
    resumed = run(tmp_path / "b", tmp_path / "b.npz")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.split() == ["5", "6"]  # the last checkpoint was after step 4
    with np.load(tmp_path / "a.npz") as expected, np.load(tmp_path / "b.npz") as actual:
        assert expected.files == actual.files
        for name in expected.files:
            np.testing.assert_array_equal(actual[name], expected[name])


@pytest.fixture
def run_state():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def test_only_whole_intervals_are_saved_and_only_the_newest_two_are_kept(run_state, tmp_path):
    saved = checkpoints.Checkpoints(str(tmp_path / "run"), *run_state, every=3)
    assert saved.restore() == 0
    assert [step for step in range(1, 12) if saved.after(step)] == [3, 6, 9]
    kept = sorted(path.name for path in (tmp_path / "run").glob("*.index"))
    assert kept == ["ckpt-6.index", "ckpt-9.index"]
    again = checkpoints.Checkpoints(str(tmp_path / "run"), *run_state, every=3)
    assert again.restore() == 9


def weights_after(model, step):
    return [np.full_like(value, step) for value in model.get_weights()]


@pytest.mark.parametrize("damaged", ["ckpt-6.data-00000-of-00001", "ckpt-6.index"])
@pytest.mark.parametrize("to", ["cut", "empty", "gone", "flipped"])
def test_a_damaged_checkpoint_leaves_the_one_before(run_state, tmp_path, damaged, to):
    model, optimizer = run_state
    saved = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    for step in (3, 6):
        model.set_weights(weights_after(model, step))
        saved.after(step)
    path = tmp_path / damaged
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
    path.write_bytes({"cut": content[:middle], "flipped": flipped}.get(to, b""))
    if to == "gone":
        path.unlink()
    model.set_weights(weights_after(model, 9))
    again = checkpoints.Checkpoints(str(tmp_path), model, optimizer, every=3)
    assert again.restore() == 3
    for value in model.get_weights():
        np.testing.assert_array_equal(value, 3)


def test_without_a_whole_checkpoint_nothing_is_assigned(run_state, tmp_path):
    model, optimizer = run_state
    saved = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    saved.after(3)
    for path in tmp_path.glob("*.data*"):
        path.write_bytes(path.read_bytes()[:20])
    model.set_weights(weights_after(model, 9))
    assert checkpoints.Checkpoints(str(tmp_path), model, optimizer, every=3).restore() == 0
    for value in model.get_weights():
        np.testing.assert_array_equal(value, 9)


@pytest.mark.parametrize("content", [b"", b'model_checkpoint_path: "ck'])
def test_a_damaged_list_of_checkpoints_costs_none(run_state, tmp_path, content):
    saved = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    saved.after(3)
    (tmp_path / "checkpoint").write_bytes(content)
    again = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    assert again.restore() == 3
    again.after(6)
    assert again.restore() == 6


def test_a_worker_that_must_not_write_writes_nothing(run_state, tmp_path):
    saved = checkpoints.Checkpoints(str(tmp_path / "run"), *run_state, every=1, write=False)
    saved.after(1)
    assert not list(tmp_path.rglob("*.index"))


def test_another_identity_has_another_folder():
    one = checkpoints.folder("root/", ["a.gz"], {"steps": 3, "batch_size": 8})
    assert one == checkpoints.folder("root", ["a.gz"], {"batch_size": 8, "steps": 3})
    assert one.startswith("root/")
    assert one != checkpoints.folder("root", ["a.gz"], {"steps": 4, "batch_size": 8})
    assert one != checkpoints.folder("root", ["b.gz"], {"steps": 3, "batch_size": 8})
