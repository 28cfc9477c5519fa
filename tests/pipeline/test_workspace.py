"""Who may use an output folder."""

import json

import pytest

from bitpipe.errors import ConfigError
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
        assert "another run is using" in refusal(tmp_path / "out", data)
    with workspace.opened(tmp_path / "out", data):
        pass


def test_a_place_that_cannot_be_written_is_refused(tmp_path, data):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(tmp_path / "file" / "out", data)
