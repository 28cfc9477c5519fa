"""Files that appear whole."""

import errno
import os

import pytest

from bitpipe.stores import whole_file


def parts_that_end(*parts):
    yield from parts
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_replaced_by_all_of_its_parts(tmp_path):
    path = tmp_path / "release.json"
    path.write_text("before, and longer than what comes")
    whole_file.write(path, [b"one ", b"two"])
    assert path.read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "release.json"
    path.write_text("before")
    with pytest.raises(OSError, match="No space left"):
        whole_file.write(path, parts_that_end(b"one "))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    path, seen = tmp_path / "release.json", []
    monkeypatch.setattr(
        os, "fsync", lambda file: seen.append((os.fstat(file).st_size, path.exists()))
    )
    whole_file.write(path, [b"four"])
    assert seen == [(4, False)]
