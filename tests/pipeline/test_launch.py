"""What a run refuses at once, and how it tells of a full disk."""

import errno
import os

import pytest

from bitpipe.errors import ConfigError, DiskFullError, WeightsError
from pipeline import launch
from pipeline.settings import config
from pipeline.working import UnexpectedError


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
    with pytest.raises(UnexpectedError, match="Mismatch of data mask") as told:
        run(photos_by_class, tmp_path / "out")
    assert len(str(told.value)) < 600
