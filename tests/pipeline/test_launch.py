"""What a run refuses at once, how it tells of a full disk, and the commands that it proposes."""

import errno
import os
import shlex
import sys
from pathlib import Path

import pytest

from bitpipe.errors import ConfigError, DiskFullError, WeightsError
from pipeline import launch
from pipeline.settings import config


@pytest.fixture
def commands(monkeypatch):
    def propose(source="smoke", overrides=(), models=None):
        settings = config.load("smoke", overrides).config
        same = launch.again(Path("a run"), "my photos", source, overrides, models)
        return launch.next_commands(settings, Path("a run"), same, models)

    monkeypatch.setattr(launch.shutil, "which", lambda _: None)
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
    monkeypatch.setattr(launch.shutil, "which", lambda _: str(script))
    assert all(command.startswith("bitpipe ") for command in commands())
    monkeypatch.setattr(launch.shutil, "which", lambda _: "/usr/bin/bitpipe")
    assert all(command.startswith("bin/bitpipe ") for command in commands())


def test_without_an_installed_script_the_module_is_called(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert all(" -m pipeline " in command for command in commands())


def test_docker_that_is_asked_for_and_not_there_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(launch.shutil, "which", lambda _: None)
    asked = config.load("smoke", ["serving_check.server=docker"]).config
    with pytest.raises(ConfigError, match="wants the command `docker`, which is not there"):
        launch.check(asked, "no such photos")


@pytest.fixture
def photos_by_class(tmp_path, encode):
    for name in ("red", "blue"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "photos" / name / f"{number}.png").write_bytes(encode(name))
    return str(tmp_path / "photos")


def run(photos, out, *overrides):
    return launch.run(config.load("smoke", overrides).config, photos, out)


def test_an_out_that_frameworks_take_for_a_pattern_is_refused(photos_by_class, tmp_path):
    with pytest.raises(ConfigError, match=r"--out must have a path without .* Received: .*\[1\]"):
        run(photos_by_class, tmp_path / "run [1]")
    assert not (tmp_path / "run [1]").exists()


def test_weights_that_cannot_be_reached_are_told_before_any_stage(
    photos_by_class, tmp_path, monkeypatch
):
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(launch, "_run", lambda *_: pytest.fail("a stage ran"))
    with pytest.raises(WeightsError, match=r"cannot download http://127\.0\.0\.1:9/w\.npz") as told:
        run(photos_by_class, tmp_path / "out", "model.backbone=http://127.0.0.1:9/w.npz")
    assert str(told.value).endswith(" --set model.backbone=bit-mini.")
    assert not (tmp_path / "out").exists()


def test_a_backbone_is_known_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.npz").touch()
    for spelt, meant in (
        ("w.npz", str(tmp_path / "w.npz")),
        ("bit-m-r50x1", "bit-m-r50x1"),
        ("scratch", "scratch"),
        ("https://tfhub.dev/x/1", "https://tfhub.dev/x/1"),
    ):
        settings = config.load("smoke", (f"model.backbone={spelt}", "model.variant=null")).config
        assert launch._with_absolute_backbone(settings).model.backbone == meant


def test_a_full_disk_is_told_as_one(photos_by_class, tmp_path, monkeypatch):
    def full(*_):
        raise ValueError("while writing") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(launch, "_run", full)
    with pytest.raises(DiskFullError, match=r"no room left .* goes on") as told:
        run(photos_by_class, tmp_path / "out")
    assert str(tmp_path / "out") in str(told.value)
    assert told.value.exit_code == 2


def test_the_content_of_a_broken_record_is_not_printed(photos_by_class, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("Mismatch of data mask: " + "0f" * 2000)

    monkeypatch.setattr(launch, "_run", broken)
    with pytest.raises(launch.UnexpectedError, match="Mismatch of data mask") as told:
        run(photos_by_class, tmp_path / "out")
    assert len(str(told.value)) < 600
