"""The commands that a user is told to type next."""

import shlex
import sys
from pathlib import Path

import pytest

from pipeline import proposals
from pipeline.settings import config


@pytest.fixture
def commands(monkeypatch):
    def propose(source="smoke", overrides=(), models=None):
        settings = config.load("smoke", overrides).config
        same = proposals.again(Path("a run"), "my photos", source, overrides, models)
        return proposals.next_commands(settings, Path("a run"), same, models)

    monkeypatch.setattr(proposals.shutil, "which", lambda _: None)
    return propose


def test_paths_with_blanks_are_quoted(commands):
    serve, _, again = (shlex.split(command, comments=True) for command in commands())
    assert serve[1:] == ["serve", "--models", "a run/serving", "--name", "smoke"]
    assert again[1:] == ["run", "--data", "my photos", "--out", "a run", "--config", "smoke"]


def test_the_same_again_is_what_was_typed(commands):
    overrides = ("name=my.model", "train.boundaries=[1, 2]")
    serve, _, again = (
        shlex.split(command, comments=True)
        for command in commands("my configs/own.yaml", overrides)
    )
    assert serve[-2:] == ["--name", "my.model"]
    assert again[6:] == [
        *("--config", "my configs/own.yaml"),
        *("--set", "name=my.model", "--set", "train.boundaries=[1, 2]"),
    ]
    assert "--config" not in commands(None)[2]


def test_versions_that_are_pushed_elsewhere_are_looked_for_there(commands):
    serve, _, again = commands(models="my models")
    assert " serve --models 'my models' --name smoke" in serve
    assert " --models 'my models' --config smoke" in again
    listed, again = commands(models="s3://bucket/models")  # no server of ours reads it
    assert listed.endswith(" models list --models s3://bucket/models --name smoke")
    assert " --models s3://bucket/models --config smoke" in again


def test_bitpipe_is_called_by_path_unless_the_shell_would_find_this_one(
    commands, monkeypatch, tmp_path
):
    script = tmp_path / "bin" / "bitpipe"
    script.parent.mkdir()
    script.write_text("")
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    monkeypatch.chdir(tmp_path)
    assert all(command.startswith("bin/bitpipe ") for command in commands())
    monkeypatch.setattr(proposals.shutil, "which", lambda _: str(script))
    assert all(command.startswith("bitpipe ") for command in commands())
    monkeypatch.setattr(proposals.shutil, "which", lambda _: "/usr/bin/bitpipe")
    assert all(command.startswith("bin/bitpipe ") for command in commands())


def test_without_an_installed_script_the_module_is_called(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert all(" -m pipeline " in command for command in commands())
