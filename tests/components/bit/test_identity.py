"""What tells weights from others that are called the same."""

import os

import pytest

from bitpipe.errors import WeightsError
from components.bit import download, files, identity, sources


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def exported(folder, weights=b"weights"):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(weights)
    return folder


@pytest.mark.parametrize("name", ["w.npz", "w.h5"])
def test_other_content_in_a_file_of_the_same_size_and_time_is_other_weights(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"one")
    before, times = identity.of(path), path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert identity.of(path) != before
    path.write_bytes(b"one")
    assert identity.of(str(path)) == before


def test_an_exported_model_is_all_files_of_its_folder(tmp_path):
    one = identity.of(exported(tmp_path / "a"))
    assert identity.of(exported(tmp_path / "b")) == one
    assert identity.of(exported(tmp_path / "c", weights=b"others!")) != one
    index = tmp_path / "a" / "variables" / "variables.index"
    index.rename(index.with_name("other.index"))
    assert identity.of(tmp_path / "a") != one


def test_a_module_of_the_hub_is_the_files_of_its_folder(tmp_path, monkeypatch):
    module = exported(tmp_path / "module")
    monkeypatch.setattr(files, "local", lambda _: module)
    assert identity.of("bit-m-r50x1-hub") == identity.of("https://tfhub.dev/x/y/1") != ""


def test_released_files_are_told_by_their_address_and_not_fetched(monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("fetched"))
    assert identity.of("bit-m-r50x1") == ""
    assert identity.of(f"{sources.BUCKET}/BiT-M-R50x1.npz") == ""


def test_weights_that_cannot_be_had_are_told(tmp_path):
    with pytest.raises(WeightsError, match="no weights are called"):
        identity.of(tmp_path / "missing.npz")
    with pytest.raises(WeightsError, match="cannot download"):
        identity.of("http://127.0.0.1:9/w.npz")


def test_a_large_file_is_read_again_only_when_it_was_touched(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(identity, "_SMALL_BYTES", 1)
    monkeypatch.setattr(identity.download, "CLOCK_TICK_NS", -(10**9))
    read = []

    def count(path):
        read.append(path)
        return f"{len(read):064x}"

    monkeypatch.setattr(download, "digest", count)
    path = tmp_path / "w.npz"
    path.write_bytes(b"one")
    assert identity.of(path) == identity.of(path)
    assert len(read) == 1
    times = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the change of inode still tells
    identity.of(path)
    assert len(read) == 2


def test_what_was_just_written_is_not_remembered(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(identity, "_SMALL_BYTES", 1)
    path = tmp_path / "w.npz"
    path.write_bytes(b"one")
    identity.of(path)
    assert not cache.exists()
