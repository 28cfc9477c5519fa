"""The steps in their order, on a few pictures, with a teacher made up for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.bit import variants
from pretraining.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def test_help_loads_no_framework():
    script = (
        "import sys, runpy\n"
        "sys.argv = ['pretraining', '--help']\n"
        "try:\n    runpy.run_module('pretraining', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'tensorflow', 'keras') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert "answers" in shown
    assert shown.splitlines()[-1] == "[]"


def test_pictures_become_weights_with_a_record(archive, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")
    from pretraining import network, records, teacher

    torch.set_num_threads(1)
    monkeypatch.setattr(teacher, "load", lambda _: network.ResNet(variants.get("R14x0.5"), 1000))

    def run(*arguments):
        result = CliRunner().invoke(
            main, ["--cache", str(tmp_path), "--threads", "1", *map(str, arguments)]
        )
        assert result.exit_code == 0, result.output + str(result.exception)
        return result.output

    assert "view 1, part 1 of 1" in run("answers", archive, "--size", 32, "--views", 2)
    assert "view" not in run("answers", "--size", 32, "--views", 2)  # nothing is left to do
    settings = ("--variant", "R14x0.5", "--teacher-size", 32, "--batch", 8, "--sizes", "16:100")
    run("train", *settings, "--until", 24)
    assert "cooled" not in run("train", "--until", 32)
    run("cool", "--as", "cooled", "--pictures", 16, "--size", 32)
    weights = tmp_path / "weights.npz"
    assert "sha256" in run("export", weights, "--run", "cooled")
    record = json.loads(records.path_of(weights).read_text())["run"]
    assert record["seen"] == 48
    assert record["settings"]["schedule"]["cooldown_start"] == 32
    assert record["sources"] == {"few.zip": 120}
    assert (tmp_path / "weights.proof.npz").exists()


def test_what_a_user_can_put_right_ends_in_one_sentence(archive, tmp_path):
    pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")
    arguments = ["--cache", str(tmp_path), "answers", str(archive), "--teacher", "lite9"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.output.startswith("Error: unknown teacher 'lite9'")


def test_a_run_that_is_not_there_is_named(archive, tmp_path):
    pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")
    arguments = ["--cache", str(tmp_path), "export", str(tmp_path / "w.npz"), "--run", "none"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "there is no run 'none'" in result.output
