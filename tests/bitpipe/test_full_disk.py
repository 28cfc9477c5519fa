import errno
import os
import sqlite3
from pathlib import Path

import pytest

from bitpipe import full_disk

OUT, TEMPORARY = Path("/runs/out"), Path("/scratch")
PLACES = {OUT: "--out runs/out", TEMPORARY: "the temporary files"}
NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

# What was seen of the libraries: TensorFlow, SQLite, ML Metadata, Beam, HDF5, Arrow.
SAID = [
    NO_ROOM,
    OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    RuntimeError("/x/ckpt-5_temp/part-00000: No space left on device [Op:SaveV2]"),
    RuntimeError("UNKNOWN; /x/table; Disk quota exceeded"),
    sqlite3.OperationalError("database or disk is full"),
    RuntimeError("INTERNAL: mysql_query aborted: errno: database or disk is full, error: 13"),
    RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write/ParDo']"),
    OSError("Can't write data (errno = 28, error message = 'No space left on device')"),
]


def after(cause):
    error = ValueError("while writing")
    error.__cause__ = cause
    return error


def room(monkeypatch, **free):
    """Sets the bytes that are free, by the first name of a path."""

    class Facts:
        f_frsize = 1

        def __init__(self, place):
            self.f_bavail = free[Path(place).parts[1]]

    monkeypatch.setattr(os, "statvfs", Facts)


@pytest.mark.parametrize("error", SAID, ids=lambda error: f"{type(error).__name__}: {error}")
def test_each_library_s_words_for_it_are_known(error):
    assert full_disk.is_meant(error)
    assert full_disk.is_meant(after(after(error)))


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "x"), ValueError("the disk"), MemoryError()]
)
def test_other_errors_are_none(error, monkeypatch):
    room(monkeypatch, runs=1 << 20, scratch=1 << 20)
    assert not full_disk.is_meant(error)
    assert full_disk.explained(error, PLACES) is None


def test_a_transaction_that_sqlite_has_ended_is_of_a_full_disk_where_little_is_free(monkeypatch):
    error = RuntimeError("Error when executing query: cannot commit - no transaction is active")
    room(monkeypatch, runs=100 << 10, scratch=1 << 30)
    assert "the disk of --out runs/out" in str(full_disk.explained(error, PLACES))
    room(monkeypatch, runs=1 << 30, scratch=1 << 30)
    assert full_disk.explained(error, PLACES) is None


def test_errors_that_led_to_one_another_in_a_circle_come_to_an_end():
    error = ValueError("x")
    error.__context__ = after(error)
    assert not full_disk.is_meant(error)


def test_the_folder_with_least_room_is_named(monkeypatch):
    room(monkeypatch, runs=5 << 20, scratch=0)
    assert "of the temporary files. Make" in str(full_disk.explained(NO_ROOM, PLACES))
    room(monkeypatch, runs=0, scratch=5 << 20)
    assert "of --out runs/out. Make" in str(full_disk.explained(NO_ROOM, PLACES))


def test_a_folder_that_the_error_names_is_meant_whatever_is_free_now(monkeypatch):
    room(monkeypatch, runs=0, scratch=5 << 20)
    for error in (
        OSError(errno.ENOSPC, "No space left on device", "/scratch/x"),
        after(RuntimeError("/scratch/a/b: No space left on device")),
    ):
        assert "of the temporary files. Make" in str(full_disk.explained(error, PLACES))


def test_what_a_reader_says_of_half_a_file_is_explained_by_a_disk_without_any_room(monkeypatch):
    room(monkeypatch, runs=4096, scratch=5 << 20)
    told = full_disk.explained(EOFError("truncated record"), PLACES, "run again")
    assert str(told) == (
        "there is no room left on the disk of --out runs/out. Make room, and run again."
    )
    assert told.exit_code == 2


def test_without_known_folders_the_file_is_named():
    error = OSError(errno.ENOSPC, "No space left on device", "/tmp/bitpipe-1")
    assert "of /tmp/bitpipe-1. Make" in str(full_disk.explained(error, {}))
    assert "left on a disk. Make" in str(full_disk.explained(NO_ROOM, {}))
