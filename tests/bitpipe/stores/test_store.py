"""What a job needs of a store, the same for disks of this machine and for others."""

import os
from pathlib import Path

import pytest

from bitpipe.errors import StoreError, UnreadablePictureError
from bitpipe.stores import store


@pytest.fixture(params=["disk", "bucket"])
def place(request, tmp_path, bucket):
    """The address of an empty folder."""
    return str(tmp_path) if request.param == "disk" else bucket(tmp_path)


def test_what_was_written_is_read_and_listed(place):
    there = store.of(place)
    there.write(store.join(place, "folder", "a b"), [b"one ", b"two"])
    there.write(store.join(place, "folder", "c"), ())
    assert there.read(store.join(place, "folder", "a b")) == b"one two"
    assert sorted(there.names(store.join(place, "folder"))) == ["a b", "c"]


def test_a_file_that_is_written_again_is_replaced(place):
    there = store.of(place)
    for content in (b"a long first one", b"2"):
        there.write(store.join(place, "x"), [content])
    assert there.read(store.join(place, "x")) == b"2"


def test_a_file_that_fails_halfway_leaves_the_old_one_and_nothing_else(place, tmp_path):
    there = store.of(place)
    there.write(store.join(place, "x"), [b"old"])

    def parts():
        yield b"half"
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        there.write(store.join(place, "x"), parts())
    assert there.read(store.join(place, "x")) == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_missing_folder_has_no_names_and_a_missing_file_is_told(place):
    there = store.of(place)
    assert there.names(store.join(place, "nothing")) == []
    with pytest.raises(FileNotFoundError):
        there.read(store.join(place, "nothing"))
    there.delete(store.join(place, "nothing"))


def test_deleted_files_are_gone(place):
    there = store.of(place)
    there.write(store.join(place, "x"), [b""])
    there.delete(store.join(place, "x"))
    assert there.names(place) == []


def test_folders_mean_the_pictures_below_sorted_and_without_hidden_ones(place, tmp_path):
    names = ["b/2.JPG", "b/1.png", "a.png", "b/.hidden.png", ".hidden/3.png", "b/notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path for path, problem in store.of(place).find(place) if not problem]
    assert found == [store.join(place, name) for name in ("a.png", "b/1.png", "b/2.JPG")]


def test_patterns_mean_what_matches(place, tmp_path):
    for name in ("1.png", "2.png", "1.jpg"):
        (tmp_path / name).touch()
    found = list(store.of(place).find(store.join(place, "*.png")))
    assert found == [store.Found(store.join(place, f"{n}.png")) for n in (1, 2)]


def test_one_file_means_itself_whatever_its_name(place, tmp_path):
    (tmp_path / "picture").touch()
    path = store.join(place, "picture")
    assert list(store.of(place).find(path)) == [store.Found(path)]


@pytest.mark.parametrize("given", ["*.png", "empty/"])
def test_where_nothing_is_found_the_problem_is_told(place, given, tmp_path):
    (tmp_path / "empty").mkdir()
    [found] = store.of(place).find(store.join(place, given))
    assert found.problem


def test_pictures_are_loaded_upright_and_others_are_told_with_their_path(place, photos):
    folder = store.join(place, "photos")
    there = store.of(place)
    data = (photos / "0.png").read_bytes()
    assert there.load(store.join(folder, "0.png")) == data
    for name, reason in (("4.png", "it is none of"), ("10.png", "No such file")):
        with pytest.raises(UnreadablePictureError, match=name) as caught:
            there.load(store.join(folder, name))
        assert reason in caught.value.reason


def test_an_unreachable_store_is_no_unreadable_picture(photos, bucket, monkeypatch):
    from apache_beam.io.filesystems import FileSystems

    def unreachable(*_):
        raise OSError("the store does not answer")

    monkeypatch.setattr(FileSystems, "open", unreachable)
    with pytest.raises(OSError, match="does not answer"):
        store.of("bucket://").load(bucket(photos / "0.png"))


def test_a_store_that_beam_does_not_know_is_told_with_what_to_install():
    with pytest.raises(StoreError, match=r"knows no store for ftp://host/x.*apache-beam\[gcp\]"):
        store.of("ftp://host/x")


def test_a_store_that_cannot_be_listed_is_told(bucket, tmp_path, monkeypatch):
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    def forbidden(_):
        raise BeamIOError("Match operation failed", {"bucket://x": "403 Forbidden"})

    monkeypatch.setattr(FileSystems, "match", forbidden)
    with pytest.raises(StoreError, match=r"cannot be listed: .*403 Forbidden"):
        list(store.of("bucket://").find(bucket(tmp_path)))


@pytest.mark.parametrize(
    ("path", "remote"), [("gs://bucket/x", True), ("/a/b", False), ("a:b", False)]
)
def test_addresses_with_a_scheme_are_remote(path, remote):
    assert store.is_remote(path) is remote


def test_local_jobs_do_not_import_beam():
    import subprocess
    import sys

    code = (
        "import sys; from bitpipe.stores import store; from serving.batch import job; "
        "store.of('/x'); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"apache_beam", "tensorflow", "numpy"}


def test_names_that_are_no_text_survive(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    [found] = store.LocalStore().find(str(tmp_path))
    assert os.fsencode(Path(found.path).name) == b"\xff.png"
