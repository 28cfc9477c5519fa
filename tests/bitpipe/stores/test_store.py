"""What a job needs of a store, the same for disks of this machine and for others."""

import os
from pathlib import Path

import pytest

from bitpipe.errors import StoreError
from bitpipe.stores import files
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote, join
from bitpipe.stores.store import Entry, Found, UnfitFileError


@pytest.fixture(params=["disk", "bucket"])
def place(request, tmp_path, bucket):
    """The address of an empty folder."""
    return str(tmp_path) if request.param == "disk" else bucket(tmp_path)


def test_what_was_written_is_read_and_listed(place):
    there = store_of(place)
    there.write(join(place, "folder", "a b"), [b"one ", b"two"])
    there.write(join(place, "folder", "c"), ())
    assert there.read(join(place, "folder", "a b")) == b"one two"
    assert sorted(there.names(join(place, "folder"))) == ["a b", "c"]


def test_a_file_that_is_written_again_is_replaced(place):
    there = store_of(place)
    for content in (b"a long first one", b"2"):
        there.write(join(place, "x"), [content])
    assert there.read(join(place, "x")) == b"2"


def test_a_file_that_fails_halfway_leaves_the_old_one_and_nothing_else(place, tmp_path):
    there = store_of(place)
    there.write(join(place, "x"), [b"old"])

    def parts():
        yield b"half"
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        there.write(join(place, "x"), parts())
    assert there.read(join(place, "x")) == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_missing_folder_has_no_names_and_a_missing_file_is_told(place):
    there = store_of(place)
    assert there.names(join(place, "nothing")) == []
    with pytest.raises(FileNotFoundError):
        there.read(join(place, "nothing"))
    there.delete(join(place, "nothing"))


def test_deleted_files_are_gone(place):
    there = store_of(place)
    there.write(join(place, "x"), [b""])
    there.delete(join(place, "x"))
    assert there.names(place) == []


def everything(_):
    return True


def test_a_folder_is_scanned_without_what_is_below_its_folders(place, tmp_path):
    (tmp_path / "sub/deeper").mkdir(parents=True)
    (tmp_path / "sub/deeper/x").touch()
    (tmp_path / "a b.png").write_bytes(b"12345")
    os.utime(tmp_path / "a b.png", ns=(10**18, 10**18))
    folder, file = sorted(store_of(place).scan(place), key=lambda entry: not entry.is_folder)
    assert (folder.name, folder.is_folder) == ("sub", True)
    assert file == Entry("a b.png", False, size=5, mtime_ns=10**18)


@pytest.mark.parametrize("name", ["odd[1]", "a*b", "what?"])
def test_folders_whose_names_look_like_patterns_are_scanned(place, tmp_path, name):
    for folder in (name, "odd1", "aXb", "whatX"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / folder).touch()
    [entry] = store_of(place).scan(join(place, name))
    assert entry.name == name


def test_a_folder_that_is_missing_is_told(place):
    with pytest.raises(FileNotFoundError):
        list(store_of(place).scan(join(place, "nothing")))


def test_what_is_not_wanted_is_not_found_nor_what_is_below_it(place, tmp_path):
    for name in ("b/2", "b/1", "a", "b.c/3", "b/not/4", "not/5"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    found = store_of(place).find(place, lambda entry: entry.name != "not")
    assert list(found) == [Found(join(place, name)) for name in ("a", "b/1", "b/2", "b.c/3")]


def test_patterns_mean_what_matches(place, tmp_path):
    for name in ("1.png", "2.png", "1.jpg"):
        (tmp_path / name).touch()
    found = list(store_of(place).find(join(place, "*.png"), everything))
    assert found == [Found(join(place, f"{n}.png")) for n in (1, 2)]


def test_one_file_means_itself_wanted_or_not(place, tmp_path):
    (tmp_path / "picture").touch()
    path = join(place, "picture")
    assert list(store_of(place).find(path, lambda _: False)) == [Found(path)]


def test_a_file_larger_than_asked_for_is_not_returned(place, tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert store_of(place).read(join(place, "x"), max_bytes=5) == b"12345"
    with pytest.raises(UnfitFileError, match="more than 4"):
        store_of(place).read(join(place, "x"), max_bytes=4)


def test_an_unreachable_store_is_no_unreadable_picture(photos, bucket, monkeypatch):
    from apache_beam.io.filesystems import FileSystems

    def unreachable(*_):
        raise OSError("the store does not answer")

    monkeypatch.setattr(FileSystems, "open", unreachable)
    with pytest.raises(OSError, match="does not answer"):
        files.read(Found(bucket(photos / "0.png")))


def test_a_store_that_beam_does_not_know_is_told_with_what_to_install():
    with pytest.raises(StoreError, match=r"knows no store for ftp://host/x.*apache-beam\[gcp\]"):
        store_of("ftp://host/x")


def test_a_store_that_cannot_be_listed_is_told(bucket, tmp_path, monkeypatch):
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    def forbidden(_):
        raise BeamIOError("Match operation failed", {"bucket://x": "403 Forbidden"})

    monkeypatch.setattr(FileSystems, "match", forbidden)
    with pytest.raises(StoreError, match=r"cannot be listed: .*403 Forbidden"):
        list(store_of("bucket://").find(bucket(tmp_path), everything))


@pytest.mark.parametrize(
    ("path", "remote"), [("gs://bucket/x", True), ("/a/b", False), ("a:b", False)]
)
def test_addresses_with_a_scheme_are_remote(path, remote):
    assert is_remote(path) is remote


def test_local_jobs_do_not_import_beam():
    import subprocess
    import sys

    code = (
        "import sys; from bitpipe.stores.open import store_of; from serving.batch import job; "
        "store_of('/x'); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"apache_beam", "tensorflow", "numpy"}


def test_names_that_are_no_text_survive(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    [found] = store_of(str(tmp_path)).find(str(tmp_path), everything)
    assert os.fsencode(Path(found.path).name) == b"\xff.png"
