"""The commands that a finished run proposes can be typed as they stand."""

import shlex
import sys
from pathlib import Path

import pytest

from pipeline import launch
from pipeline.settings import config


@pytest.fixture
def commands(monkeypatch):
    def propose(out="a run", data="my photos"):
        settings = config.load("smoke").config
        return launch.next_commands(settings, Path(out), data)

    monkeypatch.setattr(launch.shutil, "which", lambda _: None)
    return propose


def test_paths_with_blanks_are_quoted(commands):
    serve, _, again = (shlex.split(command, comments=True) for command in commands())
    assert serve[1:] == ["serve", "--models", "a run/serving", "--name", "smoke"]
    assert again[1:] == ["run", "--config", "smoke", "--data", "my photos", "--out", "a run"]


def test_bitpipe_is_called_by_path_unless_the_shell_would_find_this_one(
    commands, monkeypatch, tmp_path
):
    script = tmp_path / "bin" / "bitpipe"
    script.parent.mkdir()
    script.write_text("")
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    monkeypatch.chdir(tmp_path)
    assert all(command.startswith("bin/bitpipe ") for command in commands())
    monkeypatch.setattr(launch.shutil, "which", lambda _: str(script))
    assert all(command.startswith("bitpipe ") for command in commands())
    monkeypatch.setattr(launch.shutil, "which", lambda _: "/usr/bin/bitpipe")
    assert all(command.startswith("bin/bitpipe ") for command in commands())


def test_without_an_installed_script_the_module_is_called(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert all(" -m pipeline " in command for command in commands())
