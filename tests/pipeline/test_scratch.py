"""Temporary files end with the run, or with the next one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline import scratch

ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal, tempfile
from pipeline import scratch
with scratch.folder():
    tempfile.mkdtemp(prefix="bitpipe-cache-")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_temporary_files_are_made_inside_and_removed_at_the_end(parent, monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    with scratch.folder() as place:
        assert place.parent == parent
        assert Path(tempfile.mkdtemp()).parent == place
        assert os.environ["TMPDIR"] == str(place)
        # Downloads stay where TensorFlow Hub would have looked for them.
        assert os.environ["TFHUB_CACHE_DIR"] == str(parent / "tfhub_modules")
    assert list(parent.iterdir()) == []
    assert tempfile.gettempdir() == str(parent)
    assert "TFHUB_CACHE_DIR" not in os.environ


def test_what_a_killed_run_has_left_is_removed_by_the_next(parent):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        env=os.environ | {"TMPDIR": str(parent), "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode < 0
    (left,) = parent.iterdir()
    assert any(path.name.startswith("bitpipe-cache-") for path in left.iterdir())
    with scratch.folder() as place:
        assert list(parent.iterdir()) == [place]


def test_the_files_of_a_run_that_goes_on_are_left_alone(parent):
    with scratch.folder() as first:
        tempfile.tempdir = str(parent)
        with scratch.folder():
            assert first.is_dir()
        assert first.is_dir()


def test_a_folder_that_is_just_being_made_is_left_alone(parent):
    (parent / "bitpipe-run-new").mkdir()
    with scratch.folder():
        pass
    assert (parent / "bitpipe-run-new").is_dir()
