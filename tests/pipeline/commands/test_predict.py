"""`bitpipe predict` as a user types it, against an embedded server."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from pipeline.cli import cli
from serving.server import ModelServer
from tests import serving_models

COLOURS = ("red", "lime", "blue")
LABELS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    saved = serving_models.save_mean_colour(tmp_path_factory.mktemp("saved"))
    serving_models.push(saved, models / "colours", 3)
    with ModelServer(models, "colours", port=0, rest_port=0) as running:
        yield running


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        Image.new("RGB", (8, 6), COLOURS[number % 3]).save(folder / f"{number}.png")
    (folder / "4.png").write_bytes(b"no picture")
    return folder


def arguments(server, *given):
    return ["predict", *map(str, given), "--server", server.address, "--name", "colours"]


def predict(server, *given):
    return CliRunner().invoke(cli, arguments(server, *given))


def command(server, *given):
    return [sys.executable, "-m", "pipeline", *arguments(server, *given)]


def test_pipe_gets_json_lines_in_order_and_exit_code_2_for_a_bad_file(server, photos):
    result = predict(server, photos)
    assert result.exit_code == 2, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(answer["file"]).name for answer in answers] == [f"{n}.png" for n in range(10)]
    assert "error" in answers.pop(4)
    assert {answer["label"] for answer in answers} == set(LABELS)
    assert all(len(answer["top"]) == 3 for answer in answers)
    assert "1 of 10 pictures failed" in result.stderr


def test_exit_code_is_0_when_all_are_answered(server, photos):
    result = predict(server, photos / "0.png", "--top", 1, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert (row["label_1"], row["model_version"]) == ("red", "3")


def test_rest_gives_the_same(server, photos):
    over_rest = ["predict", str(photos / "0.png"), "--name", "colours"]
    rest = CliRunner().invoke(cli, [*over_rest, "--server", f"http://{server.rest_address}"])
    assert rest.stdout == predict(server, photos / "0.png").stdout
    assert rest.exit_code == 0


def test_table_shows_labels_and_failures(server, photos, monkeypatch):
    monkeypatch.chdir(photos)  # short names
    result = predict(server, ".", "--format", "table", "--top", 2)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["file", "label", "score", "then"]
    assert "red" in lines[1]
    assert "1.000" in lines[1]
    assert "4.png" in lines[5]
    assert "it is a text" in lines[5]


def test_names_cannot_move_a_terminals_cursor(server, photos):
    (photos / "0.png").rename(photos / "\x1b[2Jevil\n.png")
    result = predict(server, photos, "--format", "table")
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_interrupted_run_is_resumed_without_asking_again(
    server, photos, tmp_path, form, monkeypatch
):
    out = tmp_path / f"answers.{form}"
    first = predict(server, photos / "0.png", photos / "1.png", "--out", out)
    assert first.exit_code == 0, first.stderr
    before = out.read_bytes()
    out.write_bytes(before + before[len(before) // 2 :][:9] if form == "csv" else before + b'{"fi')

    from serving.client import PredictionClient

    asked = []
    predict_each = PredictionClient.predict_each

    def counting(self, inputs, **options):
        def noted():
            for one in inputs:
                asked.append(Path(one).name)
                yield one

        return predict_each(self, noted(), **options)

    monkeypatch.setattr(PredictionClient, "predict_each", counting)
    second = predict(server, photos, "--out", out, "--resume")
    assert second.exit_code == 2, second.stderr
    assert asked == [f"{number}.png" for number in range(2, 10)]
    assert out.read_bytes().startswith(before)
    assert f"10 pictures (1 failed, 2 of them by earlier runs) in {out}" in second.stderr
    third = predict(server, photos, "--out", out, "--resume")
    assert third.exit_code == 2  # the failure of the second run is still one
    assert len(asked) == 8


def test_file_of_answers_is_not_overwritten(server, photos, tmp_path):
    out = tmp_path / "answers.jsonl"
    predict(server, photos / "0.png", "--out", out)
    before = out.read_bytes()
    result = predict(server, photos, "--out", out)
    assert result.exit_code == 2
    assert "Continue it with --resume" in result.stderr
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume"], "name it with --out"),
        (["--format", "table", "--out", "x"], "holds jsonl or csv"),
        (["--version", "1", "--label", "x"], "by version or by label"),
        (["--ca", "none.pem"], "none.pem"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_options_that_make_no_sense_are_told_before_anything_is_sent(
    server, photos, options, words
):
    result = predict(server, photos, *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 4


def test_server_that_is_away_is_one_sentence(photos):
    result = CliRunner().invoke(
        cli,
        ["predict", str(photos), "--server", "127.0.0.1:1", "--name", "m", "--timeout", "1"],
    )
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "No server answers at 127.0.0.1:1" in result.stderr


def test_terminal_shows_a_bar_while_answers_go_to_a_file(server, photos, tmp_path):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(server, photos, "--out", tmp_path / "a.jsonl"),
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    assert process.wait(60) == 2
    assert "━".encode() in shown
    assert b"10/10" in shown
    assert b"10 pictures (1 failed)" in shown


def test_ctrl_c_leaves_whole_records_and_says_how_to_go_on(server, tmp_path):
    folder, out = tmp_path / "many", tmp_path / "answers.jsonl"
    folder.mkdir()
    Image.new("RGB", (8, 6), "red").save(folder / "0.png")
    for number in range(1, 4000):
        os.link(folder / "0.png", folder / f"{number}.png")
    process = subprocess.Popen(
        command(server, folder, "--out", out, "--batch-size", 1, "--in-flight", 1),
        stderr=subprocess.PIPE,
        text=True,
        # Shells start what runs in the background deaf to SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    while (not out.exists() or out.stat().st_size < 1000) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert 0 < len(records) < 4000
    assert f"Interrupted: {len(records)} answers are in {out}" in told
    again = predict(server, folder, "--out", out, "--resume")
    assert again.exit_code == 0, again.stderr
    assert len(out.read_bytes().splitlines()) == 4000


def test_command_imports_no_framework(server, photos):
    code = (
        "import sys\nfrom pipeline.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*{n.partition('.')[0] for n in sys.modules} "
        "& {'tensorflow', 'tensorflow_serving', 'tfx', 'keras', 'numpy'}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments(server, photos / "0.png")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"label": "red"' in done.stdout
    assert done.stderr.split() == []
