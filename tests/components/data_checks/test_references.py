"""What the pictures are compared with."""

import json

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe.model import origin

pytestmark = pytest.mark.tfx

FOLDER = "/serving/flowers"


@pytest.fixture
def references():
    from components.data_checks import references  # and TFX

    return references


@pytest.fixture
def store():
    config = metadata_store_pb2.ConnectionConfig()
    config.fake_database.SetInParent()
    return metadata_store.MetadataStore(config)


@pytest.fixture
def put(store, references, tmp_path):
    from components.data_checks import kept, results

    def put(examples_id, classes, folder=FOLDER, state=metadata_store_pb2.Artifact.LIVE):
        kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="ExampleAnomalies"))
        uri = tmp_path / f"{examples_id}-{folder.rpartition('/')[2]}-{state}"
        uri.mkdir()
        kept.write(str(uri), results.Checked(checks=(), classes=classes))
        artifact = metadata_store_pb2.Artifact(type_id=kind, uri=str(uri), state=state)
        artifact.custom_properties[references.EXAMPLES_ID].int_value = examples_id
        artifact.custom_properties[references.MODEL_FOLDER].string_value = folder
        store.put_artifacts([artifact])
        return uri

    return put


def test_the_first_pictures_are_compared_with_none(references, store):
    assert references.last_checked(store, 7, FOLDER) is None


def test_pictures_are_compared_with_the_last_that_passed_before_them(references, store, put):
    put(3, {"a": 3})
    put(5, {"a": 5})
    put(7, {"a": 7})  # themselves, in the run before
    put(9, {"a": 9})  # later ones: somebody went back
    assert references.last_checked(store, 7, FOLDER) == {"a": 5}


def test_what_failed_or_belongs_to_another_model_is_no_measure(references, store, put):
    put(3, {"a": 3})
    put(4, {"a": 4}, state=metadata_store_pb2.Artifact.ABANDONED)
    put(5, {"a": 5}, folder="/serving/cars")
    assert references.last_checked(store, 7, FOLDER) == {"a": 3}


def test_results_that_somebody_removed_are_passed_over(references, store, put):
    put(3, {"a": 3})
    (put(5, {"a": 5}) / "checks.json").unlink()
    assert references.last_checked(store, 7, FOLDER) == {"a": 3}


def test_the_model_in_service_counts_where_it_knows_other_classes(references, tmp_path):
    folder = tmp_path / "flowers"
    assert references.served(str(folder), ["a", "b"]) is None
    version = folder / "12"
    (version / "assets.extra").mkdir(parents=True)
    (version / "saved_model.pb").touch()
    told = {"classes": {"a": {"train": 1}, "b": {"train": 2}}}
    (version / origin.FILE).write_text(json.dumps(told))
    assert references.served(str(folder), ["b", "a"]) is None
    assert references.served(f"{folder}/", ["a", "c"]) == (("a", "b"), "12")
