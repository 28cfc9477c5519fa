"""Whatever can be a data folder can be packed, and is read in place."""

import shutil
import tarfile
import zipfile

import pytest

from bitpipe.errors import DataError
from bitpipe.stores.store import UNREADABLE
from components.image_example_gen import contents
from components.image_example_gen.sources import registry
from tests.components.image_example_gen.folders import touch

LAYOUTS = {
    "class folders": ["roses/1.jpg", "roses/2.jpg", "tulips/1.jpg", "tulips/Größe 2.jpg"],
    "pre-split folders": ["train/roses/1.jpg", "train/tulips/1.jpg", "val/roses/2.jpg"],
    "manifest manifest.csv": ["a/1.jpg", "a/2.jpg"],
}


def pack(folder, kind, around=""):
    made = folder.with_suffix(f".{kind}")
    shutil.make_archive(str(folder), kind, folder, around or ".")
    return str(made)


def fill(folder, layout):
    for name in LAYOUTS[layout]:
        touch(folder / name, name)
    if layout.startswith("manifest"):
        touch(folder / "manifest.csv", "path,label\na/1.jpg,x\n./a//2.jpg,y\n")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("around", ["", "around", "around/twice"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_is_listed_and_read_like_its_folder(tmp_path, kind, around, layout):
    fill(tmp_path / "data" / around, layout)
    folder = registry.list_pictures(str(tmp_path / "data" / around))
    packed = registry.list_pictures(pack(tmp_path / "data", kind))
    assert packed.recognised == f"{kind} archive, {folder.recognised}"
    assert packed.path == str((tmp_path / f"data.{kind}") / around)

    def facts(listing):
        return [
            (
                one.path,
                one.label,
                one.split,
                one.size,
                registry.by_name(one.source).read(listing.path, one),
            )
            for one in listing.pictures
        ]

    assert facts(packed) == facts(folder)


def test_a_folder_in_an_archive_can_be_named(tmp_path):
    fill(tmp_path / "data/here", "class folders")
    touch(tmp_path / "data/other/x/1.jpg")
    path = pack(tmp_path / "data", "zip") + "/here"
    assert registry.list_pictures(path).classes == ("roses", "tulips")
    with pytest.raises(DataError, match="which does not exist"):
        registry.list_pictures(path + "after")
    with pytest.raises(DataError, match="which is a file"):
        registry.list_pictures(path + "/roses/1.jpg")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_is_no_archive_is_refused(tmp_path, kind):
    (tmp_path / f"a.{kind}").write_bytes(b"no archive at all")
    with pytest.raises(DataError, match=r"must be a whole \.zip or \.tar file"):
        registry.list_pictures(str(tmp_path / f"a.{kind}"))


def test_a_damaged_member_is_the_files_own_fault(tmp_path):
    fill(tmp_path / "data", "class folders")
    path = pack(tmp_path / "data", "zip")
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("roses/1.jpg").header_offset
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(at + 30 + len("roses/1.jpg"))
        file.write(b"\xff\xff\xff")
    listing = registry.list_pictures(path)
    bad = next(one for one in listing.pictures if one.path == "roses/1.jpg")
    with pytest.raises(UNREADABLE, match="damaged in its archive"):
        registry.by_name(bad.source).read(listing.path, bad)


def test_a_link_out_of_a_tar_leads_nowhere(tmp_path):
    path = str(tmp_path / "data.tar")
    with tarfile.open(path, "w") as archive:
        for name, target in (("a/1.jpg", "/etc/hostname"), ("b/1.jpg", "../../secret")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    listing = registry.list_pictures(path)
    for one in listing.pictures:
        with pytest.raises(UNREADABLE):
            registry.by_name(one.source).read(listing.path, one)


def test_another_archive_of_the_same_name_and_sizes_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "cache"))

    def fingerprint():
        listing = registry.list_pictures(str(tmp_path / "data.tar"))
        return listing.fingerprint(contents.digests(listing))

    fill(tmp_path / "data", "class folders")
    pack(tmp_path / "data", "tar")
    before = fingerprint()
    assert fingerprint() == before
    (tmp_path / "data/roses/1.jpg").write_text("ROSES/1.jpg")
    pack(tmp_path / "data", "tar")
    assert fingerprint() != before
