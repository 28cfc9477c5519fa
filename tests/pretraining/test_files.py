"""A file is replaced completely or not at all."""

import pytest

from pretraining import files


def test_a_file_is_there_once_it_is_complete(tmp_path):
    path = tmp_path / "file"
    with files.replacing(path) as part:
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_outlives_a_failure(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with files.replacing(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
