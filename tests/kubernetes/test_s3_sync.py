"""The sidecar that mirrors a bucket, with a folder in the bucket's place."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitpipe.model import release
from tests.kubernetes.manifests import ROOT

SCRIPT = ROOT / "kubernetes" / "serving" / "components" / "s3" / "sync.sh"
# A listing and a copy that break off; then what the script asks of rclone.
FAILURES = """#!/bin/sh
[ "$1" = lsf ] && [ -e "$BROKEN" ] && { echo 1/saved_model.pb; exit 1; }
[ "$1" = copy ] && [ -e "$BROKEN_COPY" ] && { mkdir -p "$3"; exit 1; }
"""
STAND_IN = """
case $1 in
  lsf) eval "folder=\\${$#}"; cd "$folder" || exit; case $* in
    *model_config.txt*) ls | grep -x model_config.txt ;;
    *) find . -mindepth 2 -maxdepth 2 -name saved_model.pb | cut -c 3- ;; esac; : ;;
  cat) cat "$2" ;;
  copy) cp -r "$2" "$3" ;;
esac
"""


@pytest.fixture(params=["stand-in", "rclone"])
def commands(request: pytest.FixtureRequest) -> str:
    """What the script's `rclone` does."""
    if request.param == "stand-in":
        return FAILURES + STAND_IN
    if (real := shutil.which("rclone")) is None:
        pytest.skip("rclone is not installed")
    return f'{FAILURES}export RCLONE_CONFIG=notfound\nexec {real} "$@"\n'


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def sync(
    tmp_path: Path, bucket: Path, models: Path, commands: str
) -> Iterator[Callable[[], subprocess.Popen]]:
    rclone = tmp_path / "bin" / "rclone"
    rclone.parent.mkdir()
    rclone.write_text(commands)
    rclone.chmod(0o755)
    env = {
        "PATH": f"{rclone.parent}:{os.environ['PATH']}",
        "SOURCE": str(bucket),
        "MODELS": "photos",
        "TARGET": str(models),
        "KEEP": "2",
        "INTERVAL": "0.05",
        "BROKEN": str(tmp_path / "broken"),
        "BROKEN_COPY": str(tmp_path / "broken-copy"),
    }
    started = []

    def start() -> subprocess.Popen:
        with (tmp_path / "log").open("w") as log:
            started.append(subprocess.Popen(["sh", SCRIPT], env=env, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def push(bucket: Path, version: int, *, complete: bool = True) -> None:
    folder = bucket / "photos" / str(version)
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_text(str(version))
    if complete:
        (folder / "saved_model.pb").write_text(str(version))


def versions(models: Path) -> set[str]:
    folder = models / "photos"
    return {path.name for path in folder.iterdir() if path.is_dir()} if folder.exists() else set()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rounds(tmp_path: Path, words: str) -> None:
    """Waits until the log has a line with these words more than it has now."""
    before = (tmp_path / "log").read_text().count(words)
    eventually(lambda: (tmp_path / "log").read_text().count(words) > before)


def test_newest_versions_are_mirrored_by_number(bucket, models, sync):
    for version in (3, 20, 100):
        push(bucket, version)
    sync()
    eventually((models / ".synced").exists)
    assert versions(models) == {"20", "100"}
    assert (models / "photos" / "100" / "variables" / "variables.index").read_text() == "100"


def test_a_version_appears_only_when_it_is_complete(bucket, models, sync):
    push(bucket, 1)
    push(bucket, 2, complete=False)
    sync()
    eventually((models / ".synced").exists)
    assert versions(models) == {"1"}
    (bucket / "photos" / "2" / "saved_model.pb").write_text("2")
    eventually(lambda: versions(models) == {"1", "2"})


def test_a_new_version_displaces_the_oldest(bucket, models, sync):
    for version in (1, 2):
        push(bucket, version)
    sync()
    eventually(lambda: versions(models) == {"1", "2"})
    push(bucket, 3)
    eventually(lambda: versions(models) == {"2", "3"})


def test_a_listing_that_broke_off_takes_nothing_away(tmp_path, bucket, models, sync):
    for version in (1, 2):
        push(bucket, version)
    sync()
    eventually((models / ".synced").exists)
    (tmp_path / "broken").touch()
    rounds(tmp_path, "Not mirrored")
    rounds(tmp_path, "Not mirrored")
    assert versions(models) == {"1", "2"}


def test_a_bucket_emptied_by_mistake_takes_nothing_away(tmp_path, bucket, models, sync):
    push(bucket, 1)
    sync()
    eventually((models / ".synced").exists)
    (bucket / "photos" / "1" / "saved_model.pb").unlink()
    rounds(tmp_path, "holds no complete version")
    assert versions(models) == {"1"}


def test_a_copy_that_broke_off_is_not_served_and_tried_again(tmp_path, bucket, models, sync):
    push(bucket, 1)
    (tmp_path / "broken-copy").touch()
    sync()
    rounds(tmp_path, "Not mirrored")
    assert versions(models) == set()
    assert not (models / ".synced").exists()
    (tmp_path / "broken-copy").unlink()
    eventually(lambda: versions(models) == {"1"})
    assert (models / "photos" / "1" / "saved_model.pb").read_text() == "1"


def decide(bucket: Path, decided: release.Release) -> str:
    """As `bitpipe models`; returns what the server is told."""
    release.write(str(bucket / "photos"), decided)
    return (bucket / "photos" / release.MODEL_CONFIG).read_text()


def test_versions_that_are_in_service_stay_however_many_are_pushed(bucket, models, sync):
    for version in (1, 2, 3, 4):
        push(bucket, version)
    told = decide(bucket, release.Release(stable=1, canary=2))
    sync()
    eventually((models / ".synced").exists)
    assert versions(models) == {"1", "2", "3", "4"}
    assert (models / "photos" / release.MODEL_CONFIG).read_text() == told


def test_a_rollback_brings_the_older_version_before_the_server_is_told(
    tmp_path, bucket, models, sync
):
    for version in (1, 2, 3):
        push(bucket, version)
    before = decide(bucket, release.Release())
    sync()
    eventually((models / ".synced").exists)
    assert versions(models) == {"2", "3"}
    (tmp_path / "broken-copy").touch()
    after = decide(bucket, release.Release(stable=1))
    rounds(tmp_path, "Not mirrored")
    config = models / "photos" / release.MODEL_CONFIG
    assert config.read_text() == before
    (tmp_path / "broken-copy").unlink()
    eventually(lambda: config.read_text() == after)
    assert "1" in versions(models)
