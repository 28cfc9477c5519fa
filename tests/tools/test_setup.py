"""When the environment is made, kept and repaired; an imitated uv logs what it is asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANE = "stable" if sys.version_info < (3, 11) else "current"

UV = """#!/bin/sh
case $1 in
  --version) exit 0 ;;
  venv)
    for venv; do :; done
    mkdir -p "$venv/bin" && : >"$venv/pyvenv.cfg" && ln -sf "$PYTHON" "$venv/bin/python"
    ;;
  pip) [ ! -e broken ] || exit 1 ;;
esac
echo "$1 $2" >>uv.log
for last; do :; done
case $last in *-gpu.txt) echo "$last" >>uv.log ;; esac
"""


@pytest.fixture
def project(tmp_path):
    for name in ("tools", "requirements", "setup.py", "pyproject.toml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    uv = tmp_path / ".tools/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(UV)
    uv.chmod(0o755)
    return tmp_path


def setup(project: Path, **overrides: str) -> subprocess.CompletedProcess:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("LANE", "PYTHON", "VENV", "GPU")
    }
    # No compiler is needed here: nothing is built.
    environment |= {"PYTHON": sys.executable, "CXX": "true"} | overrides
    return subprocess.run(
        ["sh", "tools/setup.sh"], cwd=project, env=environment, capture_output=True, text=True
    )


def asked(project: Path) -> list[str]:
    """What uv has been asked for since the last call."""
    log = project / "uv.log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def test_first_run_installs_the_lock_and_the_project(project):
    result = setup(project)
    assert result.returncode == 0, result.stderr
    assert asked(project) == ["venv --quiet", "pip install", "pip install"]
    assert (project / ".venv/bitpipe.lane").read_text().splitlines()[0] == LANE


def test_second_run_does_nothing_and_says_nothing(project):
    setup(project)
    asked(project)
    result = setup(project)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert asked(project) == []


def test_changed_lock_is_installed_over_the_environment(project):
    setup(project)
    asked(project)
    with (project / f"requirements/{LANE}.txt").open("a") as lock:
        lock.write("\n")
    assert setup(project).returncode == 0
    assert asked(project) == ["pip install", "pip install"]


def test_libraries_for_a_gpu_are_added_once_and_kept(project):
    setup(project)
    asked(project)
    done = setup(project, GPU="1")
    assert done.returncode == 0, done.stderr
    gpu_lock = f"requirements/{'stable' if LANE == 'stable' else 'image'}-gpu.txt"
    assert asked(project) == ["pip install", "pip install", gpu_lock, "pip install"]
    assert (project / ".venv/bitpipe.lane").read_text().splitlines()[0] == f"{LANE} gpu"
    for again in ({}, {"GPU": "1"}):
        assert setup(project, **again).stdout == ""
        assert asked(project) == []


def test_without_a_gpu_again_the_environment_is_made_anew(project):
    setup(project, GPU="1")
    asked(project)
    assert setup(project, GPU="0").returncode == 0
    assert asked(project) == ["venv --quiet", "pip install", "pip install"]
    assert (project / ".venv/bitpipe.lane").read_text().splitlines()[0] == LANE


def test_a_gpu_that_is_neither_there_nor_not_is_refused(project):
    result = setup(project, GPU="yes")
    assert (result.returncode, asked(project)) == (2, [])
    assert "GPU must be 1 (with CUDA's libraries) or 0. Received: yes." in result.stderr


def test_interrupted_set_up_starts_afresh(project):
    (project / "broken").touch()
    assert setup(project).returncode != 0
    assert not (project / ".venv/bitpipe.lane").exists()
    half_written = project / ".venv/lib"
    half_written.mkdir()
    (project / "broken").unlink()
    asked(project)
    assert setup(project).returncode == 0
    assert asked(project) == ["venv --quiet", "pip install", "pip install"]
    assert not half_written.exists()


def test_environment_of_the_same_python_without_a_stamp_is_adopted(project):
    setup(project)
    (project / ".venv/bitpipe.lane").unlink()
    asked(project)
    assert setup(project).returncode == 0
    assert asked(project) == ["pip install", "pip install"]


def test_moved_project_gets_a_new_environment(project, tmp_path_factory):
    setup(project)
    asked(project)
    moved = tmp_path_factory.mktemp("moved") / "project"
    shutil.move(project, moved)
    assert setup(moved).returncode == 0
    assert asked(moved)[0] == "venv --quiet"


def test_folder_that_is_no_environment_is_left_alone(project):
    photos = project / "photos/rose.jpg"
    photos.parent.mkdir()
    photos.touch()
    result = setup(project, VENV="photos")
    assert result.returncode == 2
    assert "photos is not a Python environment" in result.stderr
    assert photos.exists()


def test_environment_may_live_elsewhere(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "venv"
    assert setup(project, VENV=str(elsewhere)).returncode == 0
    assert (elsewhere / "bitpipe.lane").exists()
    assert not (project / ".venv").exists()


def test_unknown_lane_ends_before_anything_is_installed(project):
    result = setup(project, LANE="fast")
    assert (result.returncode, asked(project)) == (2, [])
    assert "LANE must be stable or current. Received: fast." in result.stderr
