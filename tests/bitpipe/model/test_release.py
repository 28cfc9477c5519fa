"""What is remembered about the versions of a model, and what TensorFlow Serving is told of it."""

import json

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from bitpipe.errors import ModelFolderError
from bitpipe.model import release
from bitpipe.model.release import Event, Release, Withdrawal

DECIDED = Release(
    stable=3,
    canary=7,
    pinned=(1, 3),
    withdrawn={5: Withdrawal("abc", 1795665443, "ann", "ghosts")},
    history=(Event(1795665443, "rollback", 3, 5, "stable", "ann", "ghosts"),),
)


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path, bucket):
    return str(tmp_path) if request.param == "disk" else bucket(tmp_path)


def test_nothing_is_decided_where_there_is_no_file(folder):
    assert release.read(folder) == Release()
    assert Release().served([1, 12, 3]) == 12
    assert Release().served([]) is None


def test_what_was_decided_is_read_again(folder):
    release.write(folder, DECIDED)
    assert release.read(folder) == DECIDED


def test_what_a_later_bitpipe_has_added_is_passed_over_and_kept(tmp_path):
    written = json.loads(DECIDED.to_json())
    written["quota"] = {"cats": 1}
    written["history"][0]["ticket"] = 12
    written["withdrawn"]["5"]["ticket"] = 12
    (tmp_path / release.FILE).write_text(json.dumps(written))
    found = release.read(str(tmp_path))
    assert found.history == DECIDED.history
    assert found.withdrawn == DECIDED.withdrawn
    assert json.loads(found.to_json())["quota"] == {"cats": 1}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"form": 2}',
        '{"form": 1, "stable": "3"}',
        '{"form": 1, "history": [3]}',
    ],
)
def test_a_file_that_makes_no_sense_is_told(tmp_path, content):
    (tmp_path / release.FILE).write_text(content)
    with pytest.raises(ModelFolderError, match=r"release\.json, which .* Correct it, or remove it"):
        release.read(str(tmp_path))


def parsed(folder, decided):
    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(release.model_config(folder, decided), message)
    [config] = message.model_config_list.config
    return config


def test_tensorflow_serving_is_told_of_the_versions_and_their_labels():
    config = parsed("out/serving/photos", DECIDED)
    assert (config.name, config.base_path) == ("photos", "/models/photos")
    assert list(config.model_version_policy.specific.versions) == [3, 7]
    assert dict(config.version_labels) == {"stable": 3, "canary": 7}


def test_tensorflow_serving_takes_the_newest_until_somebody_decides():
    config = parsed("out/serving/photos", Release(pinned=(3,)))
    assert config.model_version_policy.latest.num_versions == 1
    assert not config.version_labels


def test_tensorflow_serving_reads_google_s_store_by_itself_and_others_where_they_are_mounted():
    assert parsed("gs://bucket/serving/photos", DECIDED).base_path == "gs://bucket/serving/photos"
    assert parsed("s3://bucket/serving/photos/", DECIDED).base_path == "/models/photos"


@given(name=st.text(min_size=1).filter(lambda name: "/" not in name and name not in (".", "..")))
def test_any_folder_s_name_is_told_as_it_is(name):
    assume_utf8 = name.encode("utf-8", "replace").decode()
    assert parsed(f"gs://bucket/{assume_utf8}", DECIDED).name == assume_utf8


def test_decisions_are_whole_files_that_replace_each_other(tmp_path):
    release.write(str(tmp_path), DECIDED)
    release.write(str(tmp_path), Release())
    assert {path.name for path in tmp_path.iterdir()} == {release.FILE, release.MODEL_CONFIG}
    release.write_model_config(str(tmp_path), DECIDED)
    assert "canary" in (tmp_path / release.MODEL_CONFIG).read_text()
