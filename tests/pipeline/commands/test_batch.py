"""`bitpipe batch` as a user types it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from PIL import Image

from pipeline.cli import cli
from tests import serving_models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    saved = serving_models.save_mean_colour(tmp_path_factory.mktemp("saved"))
    serving_models.push(saved, folder / "colours", 3)
    return folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        Image.new("RGB", (8, 6), "red").save(folder / f"{number}.png")
    return folder


@pytest.fixture
def arguments(models, photos, tmp_path):
    def given(*more):
        required = ("--data", photos, "--models", models, "--name", "colours")
        return ["batch", *map(str, (*required, "--out", tmp_path / "out", *more))]

    return given


@pytest.fixture
def batch(arguments):
    return lambda *more: CliRunner().invoke(cli, arguments(*more))


def answers(tmp_path):
    files = sorted((tmp_path / "out").glob("answers-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_all_are_answered_and_told(batch, tmp_path):
    result = batch("--shard-size", 4)
    assert result.exit_code == 0, result.stderr
    assert f"10 pictures (0 failed) in {tmp_path / 'out'}, 3 files" in result.stderr
    assert [answer["label"] for answer in answers(tmp_path)] == ["red"] * 10
    assert result.stdout == ""


def test_a_bad_picture_gives_exit_code_2_and_the_others_their_answers(batch, photos, tmp_path):
    (photos / "3.png").write_bytes(b"")
    result = batch()
    assert result.exit_code == 2
    assert "10 pictures (1 failed)" in result.stderr
    assert [answer.get("label", "-") for answer in answers(tmp_path)].count("red") == 9


def test_answers_are_those_of_predict(batch, models, photos, tmp_path):
    from serving.server import ModelServer

    assert batch("--top", 2).exit_code == 0
    with ModelServer(models, "colours", port=0) as server:
        command = ["predict", str(photos), "--server", server.address, "--name", "colours"]
        asked = CliRunner().invoke(cli, [*command, "--top", "2"])
    assert [json.loads(line) for line in asked.stdout.splitlines()] == answers(tmp_path)


def test_a_second_run_needs_resume_and_then_has_nothing_to_do(batch, tmp_path, monkeypatch):
    assert batch().exit_code == 0
    refused = batch()
    assert refused.exit_code == 2
    assert "Go on with --resume" in refused.stderr

    from serving.batch import beam_pipeline

    monkeypatch.setattr(beam_pipeline, "run", lambda *_, **__: 1 / 0)
    again = batch("--resume")
    assert again.exit_code == 0, again.stderr
    assert "10 pictures (0 failed, 10 of them by earlier runs)" in again.stderr


def test_a_job_goes_on_with_its_own_version_when_a_newer_one_is_there(
    batch, models, photos, tmp_path, monkeypatch
):
    from serving.batch import beam_pipeline

    with monkeypatch.context() as broken:
        broken.setattr(beam_pipeline, "run", lambda *_, **__: 1 / 0)
        stopped = batch()
    assert stopped.exit_code == 1
    assert "Stopped: 0 of 10 answers" in stopped.stderr
    serving_models.push(models / "colours/3", models / "colours", 4)
    try:
        assert batch("--resume").exit_code == 0
        assert {answer["model_version"] for answer in answers(tmp_path)} == {3}
        other = batch("--resume", "--version", 4)
        assert other.exit_code == 2
        assert "cannot be continued: its model is" in other.stderr
    finally:
        (models / "colours/4").rename(tmp_path / "4")


def test_an_error_of_the_work_is_one_sentence_and_what_is_there_stays(
    batch, photos, tmp_path, monkeypatch
):
    from bitpipe.stores import files

    read = files.read

    def failing(found):
        if found.path.endswith("9.png"):
            raise OSError("the disk is gone")
        return read(found)

    monkeypatch.setattr(files, "read", failing)
    result = batch("--shard-size", 5)
    assert result.exit_code == 1
    assert "the disk is gone" in result.stderr.splitlines()[-1]
    assert "--resume goes on from there" in result.stderr
    assert len(result.stderr.splitlines()) == 2
    monkeypatch.undo()
    assert batch("--resume").exit_code == 0
    assert len(answers(tmp_path)) == 10


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (("--data", "nowhere"), "nowhere does not exist"),
        (("--models", "nowhere"), "A model folder must hold"),
        (("--version", "7"), "holds the versions 3 of colours"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--shard-size", "0"), "not in the range"),
    ],
)
def test_what_was_misspelt_is_told_at_once_and_nothing_is_left(
    arguments, tmp_path, changed, complaint
):
    code = "import sys; from pipeline.cli import cli; cli(standalone_mode=True)"
    probe = (
        "import atexit, sys\n"
        "heavy = ('tensorflow', 'apache_beam')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules]))\n"
    )
    command = [sys.executable, "-c", probe + code, *arguments(*changed)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2, run.stderr
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == "[]\n"
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_kind_is_told_and_leaves_no_folder(models, photos, tmp_path):
    (tmp_path / "models/1").mkdir(parents=True)
    (tmp_path / "models/1/saved_model.pb").write_bytes(b"")
    given = ["--data", photos, "--models", tmp_path / "models", "--name", "other"]
    command = ["batch", *map(str, [*given, "--out", tmp_path / "out"])]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert "must take image and return scores and labels" in result.stderr
    assert not (tmp_path / "out").exists()


def test_no_picture_leaves_no_folder(models, tmp_path):
    (tmp_path / "empty").mkdir()
    given = ["--data", tmp_path / "empty", "--models", models, "--name", "colours"]
    command = ["batch", *map(str, [*given, "--out", tmp_path / "out"])]
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "There is no picture in" in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_runs_cannot_write_one_folder(batch, tmp_path):
    from serving.batch import lock

    with lock.held(str(tmp_path / "out")):
        (tmp_path / "out/held").touch()
        result = batch()
    assert result.exit_code == 2
    assert "is being written by another run" in result.stderr


@pytest.mark.timeout(180)
def test_ctrl_c_leaves_whole_shards_and_the_job_goes_on(arguments, photos, tmp_path):
    for number in range(10, 3000):
        os.link(photos / "0.png", photos / f"{number}.png")
    command = [sys.executable, "-m", "pipeline", *arguments("--shard-size", 50)]
    # As on a terminal: a shell's background jobs ignore SIGINT, and so would their children.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    shards = tmp_path / "out/shards"
    limit = time.monotonic() + 120
    while not list(shards.glob("*-done-*")) and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Interrupted: " in err
    assert "Traceback" not in err
    whole = len(answers(tmp_path))
    assert 0 < whole < 3000
    assert whole % 50 == 0
    resumed = CliRunner().invoke(cli, arguments("--resume"))
    assert resumed.exit_code == 0, resumed.stderr
    assert len({answer["file"] for answer in answers(tmp_path)}) == 3000


def test_a_terminal_sees_a_bar(arguments, tmp_path):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "pipeline", *arguments("--shard-size", 1)]
    process = subprocess.Popen(command, stderr=follower, stdout=subprocess.DEVNULL)
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:  # how Linux says that the other side has closed
        pass
    assert process.wait(60) == 0
    assert b"/10" in seen
    assert b"0 failed" in seen
    assert b"10 pictures (0 failed)" in seen
