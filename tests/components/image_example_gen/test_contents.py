"""What a folder holds is told by the bytes, and files are read once."""

import os
import shutil

import pytest

from components.image_example_gen import contents
from components.image_example_gen.sources.registry import list_pictures
from tests.components.image_example_gen.folders import touch

LONG_AGO = 10**18  # nanoseconds


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contents, "_SETTLED_NS", -(10**9))  # as if all were written long ago
    for name, text in (("roses/1", "red 1"), ("roses/2", "red 2"), ("tulips/1", "blue1")):
        os.utime(touch(tmp_path / "flowers" / name, text), ns=(LONG_AGO, LONG_AGO))
    return tmp_path / "flowers"


@pytest.fixture
def reads(monkeypatch):
    """The files that are read."""
    read = []
    digest = contents._digest

    def noting(path, picture):
        read.append(picture.path)
        return digest(path, picture)

    monkeypatch.setattr(contents, "_digest", noting)
    return read


def fingerprint(folder):
    listing = list_pictures(str(folder))
    return listing.fingerprint(contents.digests(listing))


def swap_labels(root):
    (root / "roses/1").rename(root / "x")
    (root / "tulips/1").rename(root / "roses/1")
    (root / "x").rename(root / "tulips/1")


def write_in_place(root):
    with (root / "roses/1").open("r+") as file:
        file.write("blue")
    os.utime(root / "roses/1", ns=(LONG_AGO, LONG_AGO))


def swap_folders(root):
    for name, other in (("roses", "x"), ("tulips", "roses"), ("x", "tulips")):
        (root / name).rename(root / other)


@pytest.mark.parametrize("change", [swap_labels, write_in_place, swap_folders])
def test_a_change_that_keeps_sizes_and_times_is_seen(flowers, change):
    before = fingerprint(flowers)
    assert fingerprint(flowers) == before
    change(flowers)
    assert fingerprint(flowers) != before


def test_an_untouched_file_is_read_once(flowers, reads):
    before = fingerprint(flowers)
    assert sorted(reads) == ["roses/1", "roses/2", "tulips/1"]
    reads.clear()
    assert fingerprint(flowers) == before
    touch(flowers / "roses/3")
    assert fingerprint(flowers) != before
    assert reads == ["roses/3"]


def test_a_touched_folder_and_a_copy_are_the_same(flowers, tmp_path):
    before = fingerprint(flowers)
    for path in flowers.glob("*/*"):
        os.utime(path)
    assert fingerprint(flowers) == before
    shutil.rmtree(flowers / "roses")
    assert fingerprint(flowers) != before
    touch(flowers / "roses/1", "red 1")
    touch(flowers / "roses/2", "red 2")
    assert fingerprint(flowers) == before
    assert fingerprint(shutil.copytree(flowers, tmp_path / "copy")) == before


def test_what_was_written_just_now_is_read_again(flowers, reads, monkeypatch):
    monkeypatch.setattr(contents, "_SETTLED_NS", 10**12)
    for _ in range(2):
        fingerprint(flowers)
    assert len(reads) == 6


@pytest.mark.parametrize("spoil", [lambda text: text[:-9], lambda _: b"[1]", lambda _: b'{"a": 1}'])
def test_a_damaged_memory_is_forgotten(flowers, tmp_path, spoil):
    before = fingerprint(flowers)
    (memory,) = (tmp_path / "cache/contents").iterdir()
    memory.write_bytes(spoil(memory.read_bytes()))
    assert fingerprint(flowers) == before


def test_a_cache_that_cannot_be_written_is_done_without(flowers, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert fingerprint(flowers) == fingerprint(flowers)


def test_a_file_that_cannot_be_read_is_left_to_the_ingest(flowers):
    (flowers / "roses/gone").symlink_to("nowhere")
    before = fingerprint(flowers)
    (flowers / "roses/gone").unlink()
    assert fingerprint(flowers) != before


def test_files_of_a_store_are_not_read(flowers, bucket, reads):
    listing = list_pictures(bucket(flowers))
    assert contents.digests(listing) == {}
    assert reads == []
