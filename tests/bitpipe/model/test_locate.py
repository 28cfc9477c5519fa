"""Which version of a model is asked."""

import pytest

from bitpipe.errors import ModelFolderError
from bitpipe.model import in_service, release


@pytest.fixture(params=["disk", "bucket"])
def models(request, tmp_path, bucket):
    """A folder with the versions 3, 20 and 100 of "colours", of which 100 has no model."""
    for version in ("3", "20"):
        (tmp_path / "colours" / version).mkdir(parents=True)
        (tmp_path / "colours" / version / "saved_model.pb").touch()
    (tmp_path / "colours/100").mkdir()
    (tmp_path / "colours/.tmp-7").mkdir()
    (tmp_path / "colours/.tmp-7/saved_model.pb").touch()
    return str(tmp_path) if request.param == "disk" else bucket(tmp_path)


def test_the_newest_whole_version_is_taken(models):
    assert in_service.locate(models, "colours") == (f"{models}/colours/20", 20)


def test_a_version_can_be_chosen(models):
    assert in_service.locate(models, "colours", 3) == (f"{models}/colours/3", 3)


def test_the_folder_may_hold_the_versions_themselves(models):
    found = in_service.locate(f"{models}/colours", "another")
    assert found == (f"{models}/colours/20", 20)


def test_a_version_that_is_not_there_is_told_with_those_that_are(models):
    with pytest.raises(ModelFolderError, match=r"versions 3, 20 of colours\. Received: 100"):
        in_service.locate(models, "colours", 100)


def test_a_folder_without_models_is_told(models):
    with pytest.raises(ModelFolderError, match="must hold colours/VERSION"):
        in_service.locate(f"{models}/nothing", "colours")


def test_of_several_versions_the_one_in_service_is_taken(models):
    release.write(f"{models}/colours", release.Release(stable=3))
    assert in_service.locate(models, "colours") == (f"{models}/colours/3", 3)


def test_a_version_in_service_that_is_gone_is_told(models):
    release.write(f"{models}/colours", release.Release(stable=4))
    with pytest.raises(ModelFolderError, match=r"release\.json puts into service is not there"):
        in_service.locate(models, "colours")
