"""A killed run goes on at its last checkpoint and ends with the weights of an undisturbed one."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import TrainingError
from components.training import checkpoints


@pytest.fixture
def run(parent, tmp_path):
    """Runs killed.py: (folder of checkpoints, file for the weights, step) -> exit code, steps."""

    def run(*arguments):
        streams = [tmp_path / "out", tmp_path / "errors"]
        for stream in streams:
            stream.write_text("")
        module = "tests.components.training.killed"
        code = parent.run(module, *arguments, output=streams[0], errors=streams[1])
        assert code in (0, -signal.SIGKILL), streams[1].read_text()
        return code, streams[0].read_text().split()

    return run


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(run, tmp_path):
    code, steps = run(tmp_path / "a", tmp_path / "a.npz", 0)
    assert (code, steps) == (0, list("123456"))
    assert not (tmp_path / "a").exists()
    code, _ = run(tmp_path / "b", tmp_path / "b.npz", 5)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "b.npz").exists()
    code, steps = run(tmp_path / "b", tmp_path / "b.npz", 0)
    assert (code, steps) == (0, ["5", "6"])  # the last checkpoint was after step 4
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


def test_the_last_step_is_saved_wherever_it_falls(run_state, tmp_path):
    saved = checkpoints.Checkpoints(str(tmp_path / "run"), *run_state, every=3)
    assert [saved.after(step, last=step == 5) for step in range(1, 6)] == [0, 0, 1, 0, 1]
    assert checkpoints.newest(str(tmp_path / "run")) == 5


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


def unreachable(*_):
    raise tf.errors.UnavailableError(None, None, "connection reset")


def test_a_checkpoint_that_cannot_be_read_just_now_is_told_and_stays(
    run_state, tmp_path, monkeypatch
):
    saved = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    saved.after(3)
    with monkeypatch.context() as broken:
        broken.setattr(tf.train, "load_checkpoint", unreachable)
        broken.setattr(tf.io.gfile.GFile, "read", unreachable)
        with pytest.raises(TrainingError, match=r"ckpt-3 cannot be read now \(connection reset\)"):
            saved.restore()
    assert saved.restore() == 3


def test_a_connection_that_is_lost_once_costs_no_checkpoint(run_state, tmp_path, monkeypatch):
    saved = checkpoints.Checkpoints(str(tmp_path), *run_state, every=3)
    saved.after(3)
    answers = iter([unreachable, tf.train.load_checkpoint])
    monkeypatch.setattr(tf.train, "load_checkpoint", lambda prefix: next(answers)(prefix))
    assert saved.restore() == 3


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
