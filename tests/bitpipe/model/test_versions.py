import os
from pathlib import Path

import pytest

from bitpipe.errors import ConfigError, ModelFolderError
from bitpipe.model.layout import complete_versions
from bitpipe.model.versions import (
    find_model_folder,
    find_models,
    find_versions,
    only_model,
)


def push(folder: Path, name: str) -> Path:
    version = folder / name
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    return version


def test_versions_are_folders_named_by_a_positive_integer_that_hold_a_model(
    tmp_path: Path,
) -> None:
    expected = {int(name): push(tmp_path, name) for name in ("1", "20", "1763900000", "007")}
    for name in ("0", "-1", "1.5", "v2", ".tmp-3", "3-tmp", "٤", str(2**63)):
        push(tmp_path, name)
    (tmp_path / "30").mkdir()  # still being copied
    (tmp_path / "40").touch()
    assert find_versions(tmp_path) == expected


def test_missing_folder_holds_no_version(tmp_path: Path) -> None:
    assert find_versions(tmp_path / "none") == {}


def test_models_may_be_the_parent_or_the_folder_of_versions(tmp_path: Path) -> None:
    push(tmp_path / "digits", "1")
    assert find_model_folder(tmp_path, "digits") == tmp_path / "digits"
    assert find_model_folder(tmp_path / "digits", "digits") == tmp_path / "digits"
    assert find_model_folder(tmp_path / "digits", "another name") == tmp_path / "digits"


def test_folder_without_versions_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    with pytest.raises(ModelFolderError, match=r"holds no version.*bitpipe run") as caught:
        find_model_folder(tmp_path, "digits")
    assert str(tmp_path) in str(caught.value)
    assert caught.value.exit_code == 2
    with pytest.raises(ModelFolderError, match="does not exist"):
        find_model_folder(tmp_path / "none", "digits")
    (tmp_path / "file").touch()
    with pytest.raises(ModelFolderError, match="is no folder"):
        find_model_folder(tmp_path / "file", "digits")


def test_models_of_a_folder_are_told_by_name(tmp_path: Path) -> None:
    push(tmp_path / "serving" / "flowers", "1")
    push(tmp_path / "serving" / "birds", "7")
    (tmp_path / "serving" / "notes").mkdir()
    (tmp_path / "serving" / "readme.txt").touch()
    folder = tmp_path / "serving"
    assert find_models(folder) == {name: folder / name for name in ("birds", "flowers")}
    assert find_models(folder / "birds") == {"birds": folder / "birds"}
    assert find_models(folder / "notes") == find_models(folder / "none") == {}


def test_only_one_model_needs_no_name(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"NAME/VERSION.*holds no version"):
        only_model(str(tmp_path))
    push(tmp_path / "flowers", "1")
    assert only_model(str(tmp_path)) == only_model(str(tmp_path / "flowers")) == "flowers"
    push(tmp_path / "birds", "1")
    with pytest.raises(ModelFolderError, match=r"holds birds, flowers\. Say which with --name\."):
        only_model(str(tmp_path))
    with pytest.raises(ModelFolderError, match=r"Which model\? Say which with --name\."):
        only_model("gs://bucket/serving")


def test_of_a_name_that_is_not_there_those_that_are_get_told(tmp_path: Path) -> None:
    push(tmp_path / "flowers", "1")
    with pytest.raises(ModelFolderError, match=r"holds no model flower\. It holds flowers:"):
        find_model_folder(tmp_path, "flower")


def test_of_two_folders_for_a_version_the_one_without_zeros_counts(tmp_path: Path) -> None:
    push(tmp_path, "007")
    assert find_versions(tmp_path) == {7: tmp_path / "007"}
    plain = push(tmp_path, "7")
    push(tmp_path, "07")
    assert find_versions(tmp_path) == {7: plain}


def test_only_versions_are_asked_for_their_model() -> None:
    asked: list[str] = []
    found = complete_versions(["notes", "2", ".tmp-3", "1"], lambda name: not asked.append(name))
    assert found == {1: "1", 2: "2"}
    assert asked == ["1", "2"]


def test_a_folder_that_tensorflow_cannot_open_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"folder of models must be a path in UTF-8.*caf\\xe9'"):
        find_model_folder(tmp_path / os.fsdecode(b"caf\xe9"), "digits")
