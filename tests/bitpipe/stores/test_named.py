"""What is named for pictures by mistake."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from bitpipe.errors import DataError
from bitpipe.stores.named import any_there, check_named


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (8, 6)).save(folder / "a.png")
    return folder


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_an_archive_is_to_be_unpacked_whatever_its_name(folder: Path, form: str) -> None:
    made = Path(shutil.make_archive(str(folder.parent / "photos"), form, folder))
    with pytest.raises(DataError, match=r"is an archive\. Unpack it, and name the folder\."):
        check_named([made])
    renamed = made.rename(folder.parent / "renamed.jpg")
    with pytest.raises(DataError, match=r"renamed\.jpg is an archive"):
        check_named([folder, renamed])


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "HTTP://example.org/a.jpg"])
def test_an_address_on_the_web_is_to_be_downloaded(address: str) -> None:
    with pytest.raises(DataError, match=r"is an address on the web.* Download it first"):
        check_named([address])


def test_what_is_not_there_is_told_where_it_matters(tmp_path: Path) -> None:
    missing = tmp_path / "none.jpg"
    with pytest.raises(DataError, match=r"none\.jpg does not exist\. Correct the path\."):
        check_named([missing])
    check_named([missing], all_there=False)
    check_named([str(tmp_path / "*.jpg")])  # may match later


def test_pictures_folders_and_pipes_pass(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "empty.jpg").touch()
    check_named([folder, folder / "a.png", folder / "pipe", folder / "empty.jpg"])
    with tarfile.open(folder / "none.png", "w"):
        pass
    assert (folder / "none.png").stat().st_size  # zeros alone: nothing tells it from other rubbish
    check_named([folder / "none.png"])


def test_one_of_several_that_may_be_there_is_enough(tmp_path):
    (tmp_path / "a.jpg").touch()
    missing = tmp_path / "missing.jpg"
    assert any_there([missing, tmp_path / "a.jpg"])
    assert any_there([missing, f"{tmp_path}/*.png"])
    assert not any_there([missing])
