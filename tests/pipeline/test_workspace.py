"""Who may use an output folder."""

import errno
import json
import os
import sqlite3

import pytest

from bitpipe.errors import ConfigError, DiskFullError
from pipeline import workspace


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return str(folder)


def test_a_new_folder_is_made_and_marked(tmp_path, data):
    with workspace.opened(tmp_path / "a" / "out", data) as space:
        assert space.logs.is_dir()
    marker = json.loads((tmp_path / "a" / "out" / "bitpipe.json").read_text())
    assert marker == {"format_version": workspace.FORMAT_VERSION, "data": data}


def test_the_same_data_set_may_come_back_by_another_spelling(tmp_path, data):
    with workspace.opened(tmp_path / "out", data):
        pass
    with workspace.opened(tmp_path / "out", f"{data}/../photos/") as space:
        assert space.data == data


def test_versions_go_below_the_outputs_or_where_they_are_told_to(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, place in (
        (None, f"{tmp_path}/out/serving"),
        ("models/", f"{tmp_path}/models"),
        ("s3://bucket/models/", "s3://bucket/models"),
    ):
        with workspace.opened(tmp_path / "out", data, given) as space:
            assert space.serving == place
    with (
        pytest.raises(ConfigError, match=r"--models must have a path without"),
        workspace.opened(tmp_path / "out", data, "s3://bucket/*"),
    ):
        pass


def refusal(out, data):
    with pytest.raises(ConfigError) as error, workspace.opened(out, data):
        pass
    assert error.value.exit_code == 2
    return str(error.value)


def test_another_data_set_is_refused_and_nothing_is_changed(tmp_path, data):
    with workspace.opened(tmp_path / "out", data):
        pass
    before = (tmp_path / "out" / "bitpipe.json").read_bytes()
    other = tmp_path / "others"
    other.mkdir()
    text = refusal(tmp_path / "out", str(other))
    assert data in text
    assert str(other) in text
    assert (tmp_path / "out" / "bitpipe.json").read_bytes() == before


def test_another_format_is_refused(tmp_path, data):
    out = tmp_path / "out"
    out.mkdir()
    (out / "bitpipe.json").write_text(json.dumps({"format_version": 99, "data": data}))
    assert "format 99" in refusal(out, data)


@pytest.mark.parametrize("marker", ["", "[]", "{}", "nonsense"])
def test_a_damaged_marker_is_refused(tmp_path, data, marker):
    out = tmp_path / "out"
    out.mkdir()
    (out / "bitpipe.json").write_text(marker)
    assert "bitpipe.json cannot be read" in refusal(out, data)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path, data):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    assert "not empty" in refusal(out, data)
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path, data):
    (tmp_path / "out").write_text("")
    assert "not a folder" in refusal(tmp_path / "out", data)


def test_a_folder_inside_the_pictures_is_refused(tmp_path, data):
    assert "lies inside --data" in refusal(tmp_path / "photos" / "out", data)
    assert not (tmp_path / "photos" / "out").exists()


def test_two_runs_cannot_share_a_folder(tmp_path, data):
    with workspace.opened(tmp_path / "out", data):
        text = refusal(tmp_path / "out", data)
        assert "another run is using" in text
        assert f"(process {os.getpid()}, started 20" in text
    with workspace.opened(tmp_path / "out", data):
        pass


def test_a_place_that_cannot_be_written_is_refused(tmp_path, data):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(tmp_path / "file" / "out", data)


@pytest.mark.parametrize("left", [(".lock",), (".lock", "logs"), (".lock", ".bitpipe.json.1f0e")])
def test_a_folder_whose_first_run_ended_at_once_is_taken(tmp_path, data, left):
    out = tmp_path / "out"
    out.mkdir()
    for name in left:
        (out / name).mkdir() if name == "logs" else (out / name).touch()
    with workspace.opened(out, data):
        pass
    assert json.loads((out / "bitpipe.json").read_text())["data"] == data


def test_a_full_disk_is_told_and_leaves_a_folder_that_can_be_used(tmp_path, data, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with (
            pytest.raises(DiskFullError, match=r"on the disk of --out .*out\. Make room, and run"),
            workspace.opened(tmp_path / "out", data),
        ):
            pass
    with workspace.opened(tmp_path / "out", data):
        pass


def test_a_full_disk_is_not_taken_for_a_damaged_database(tmp_path, data, monkeypatch):
    with workspace.opened(tmp_path / "out", data) as space:
        space.metadata.write_bytes(b"of an earlier run")

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", full)
    with (
        pytest.raises(DiskFullError, match=r"no room left on the disk of --out .*out\. Make room"),
        workspace.opened(tmp_path / "out", data),
    ):
        pass


def test_a_path_that_frameworks_take_for_a_pattern_is_refused(tmp_path, data):
    assert "--out must have a path without" in refusal(tmp_path / "run [1]", data)


def database(out):
    with sqlite3.connect(out / "metadata.db") as connection:
        connection.execute("CREATE TABLE x (y TEXT)")
        connection.executemany("INSERT INTO x VALUES (?)", [("z" * 1000,)] * 100)
    connection.close()
    return out / "metadata.db"


@pytest.mark.parametrize("kept_bytes", [100, 20_000])
def test_a_damaged_database_is_told_with_what_to_delete(tmp_path, data, kept_bytes):
    out = tmp_path / "out"
    with workspace.opened(out, data):
        path = database(out)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    text = refusal(out, data)
    assert text.startswith(f"{path}, which knows what earlier runs have made, cannot be used: ")
    assert "Delete it and run again" in text
    assert "\n" not in text


@pytest.mark.parametrize("lost", ["deleted", "empty"])
def test_a_lost_database_takes_its_outputs_along_but_no_checkpoints(tmp_path, data, lost):
    """Or else a new one, which numbers them from 1 again, would write among them."""
    out = tmp_path / "out"
    with workspace.opened(out, data):
        path = database(out)
    for place in ("Trainer/model/1", "checkpoints/0123", "features/45", "../serving/smoke/1"):
        (out / "artifacts" / place).mkdir(parents=True)
    with workspace.opened(out, data):
        assert (out / "artifacts" / "Trainer" / "model" / "1").is_dir()
    path.unlink() if lost == "deleted" else path.write_bytes(b"")
    with workspace.opened(out, data):
        assert not (out / "artifacts" / "Trainer").exists()
    assert (out / "artifacts" / "checkpoints" / "0123").is_dir()
    assert (out / "artifacts" / "features" / "45").is_dir()
    assert (out / "serving" / "smoke" / "1").is_dir()
