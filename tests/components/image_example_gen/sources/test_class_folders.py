import itertools
import os

import pytest

from bitpipe.errors import DataError
from bitpipe.stores.local import LocalStore
from components.image_example_gen.sources.options import SourceOptions
from components.image_example_gen.sources.registry import check_data as check
from components.image_example_gen.sources.registry import list_pictures
from tests.components.image_example_gen.folders import touch


def names(folder):
    return [picture.path for picture in folder.pictures]


def test_listing_is_recursive_and_sorted_and_the_class_is_the_first_folder(tmp_path):
    for name in ["b/x.jpg", "a/deep/er/y.jpg", "a/z.jpg"]:
        touch(tmp_path / name)
    folder = list_pictures(str(tmp_path))

    assert names(folder) == ["a/deep/er/y.jpg", "a/z.jpg", "b/x.jpg"]
    assert [picture.label for picture in folder.pictures] == ["a", "a", "b"]
    assert folder.classes == ("a", "b")


def test_hidden_files_and_file_manager_litter_are_passed_over(flowers):
    before = names(list_pictures(str(flowers)))
    for name in [
        ".DS_Store",
        "roses/.DS_Store",
        ".ipynb_checkpoints/1.jpg",
        "roses/.ipynb_checkpoints/1.jpg",
        "roses/Thumbs.db",
        "tulips/Desktop.ini",
        "__MACOSX/roses/1.jpg",
    ]:
        touch(flowers / name)
    folder = list_pictures(str(flowers))

    assert names(folder) == before
    assert folder.classes == ("roses", "tulips")
    assert folder.loose_files == 0


def test_loose_files_are_counted_and_have_no_class(flowers):
    touch(flowers / "README.txt")
    folder = list_pictures(str(flowers))

    assert folder.loose_files == 1
    assert "README.txt" not in names(folder)


def test_what_is_no_picture_by_its_name_is_skipped_and_counted(flowers):
    for name in ["roses/labels.csv", "roses/deep/notes.TXT", "tulips/film.mp4", "licence.txt"]:
        touch(flowers / name)
    for name in ["roses/without-extension", "roses/odd.jpg.part", "tulips/new.heic"]:
        touch(flowers / name)
    folder = list_pictures(str(flowers))

    assert folder.skipped_files == 3
    assert folder.loose_files == 1
    assert len(folder.pictures) == 4 + 3


def test_skipped_files_count_for_no_class(flowers):
    for path in flowers.glob("tulips/*.jpg"):
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match="'tulips' has 0"):
        check(str(flowers))


def test_unicode_spaces_and_odd_class_names_are_kept(tmp_path):
    odd = ["a b/Größe 1.jpg", "c,d;'\"/[x]*?.jpg", "{SPAN}/{}.jpg", "猫/写真.jpg"]
    for name in odd:
        touch(tmp_path / name)

    assert names(list_pictures(str(tmp_path))) == odd


def test_a_folder_that_links_to_a_parent_is_listed_once(flowers):
    (flowers / "roses" / "again").symlink_to(flowers / "roses", target_is_directory=True)

    assert names(list_pictures(str(flowers))) == [
        "roses/1.jpg",
        "roses/2.jpg",
        "tulips/1.jpg",
        "tulips/2.jpg",
    ]


def test_folders_that_link_to_each_other_end_in_a_sentence(tmp_path):
    for one, other in itertools.permutations("abcdefgh", 2):
        touch(tmp_path / one / "1.jpg")
        (tmp_path / one / other).symlink_to(tmp_path / other, target_is_directory=True)

    with pytest.raises(DataError, match=r"At most 100 ways .* remove such links"):
        list_pictures(str(tmp_path))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "gone"), "vanished while it was listed; run again once"),
        (PermissionError(13, "no"), r"may not be listed \(permission denied\); make it readable"),
    ],
)
def test_a_folder_amid_the_data_that_cannot_be_listed_is_told(flowers, monkeypatch, error, told):
    scan = LocalStore.scan

    def failing(store, folder):
        if folder.endswith("tulips"):
            raise error
        return scan(store, folder)

    monkeypatch.setattr(LocalStore, "scan", failing)
    with pytest.raises(DataError, match=f"must be readable. Received: .*tulips, which {told}"):
        list_pictures(str(flowers))


def test_dangling_links_are_listed_and_pipes_are_not(flowers):
    (flowers / "roses" / "gone.jpg").symlink_to(flowers / "nowhere.jpg")
    os.mkfifo(flowers / "roses" / "pipe.jpg")
    listed = names(list_pictures(str(flowers)))

    assert "roses/gone.jpg" in listed
    assert "roses/pipe.jpg" not in listed


def test_fingerprint_of_an_untouched_folder_does_not_change(flowers):
    assert list_pictures(str(flowers)).fingerprint() == list_pictures(str(flowers)).fingerprint()


def move_to_another_class(root):
    # Sorted by name, the sizes come in the same order as before: 1, 1, 2, 2.
    (root / "roses/1.jpg").rename(root / "tulips/0.jpg")


def swap_labels(root):
    (root / "roses").rename(root / "x")
    (root / "tulips").rename(root / "roses")
    (root / "x").rename(root / "tulips")


def rename_file(root):
    (root / "roses/1.jpg").rename(root / "roses/0.jpg")


def rewrite_with_same_size_and_another_time(root):
    os.utime(root / "roses/1.jpg", ns=(1, 1))


def grow_file_and_keep_its_time(root):
    (root / "roses/1.jpg").write_text("longer")
    os.utime(root / "roses/1.jpg", ns=(10**18, 10**18))


@pytest.mark.parametrize(
    "change",
    [
        move_to_another_class,
        swap_labels,
        rename_file,
        rewrite_with_same_size_and_another_time,
        grow_file_and_keep_its_time,
        lambda root: (root / "roses/1.jpg").unlink(),
        lambda root: touch(root / "roses/3.jpg"),
    ],
)
def test_fingerprint_sees(flowers, change):
    before = list_pictures(str(flowers)).fingerprint()
    change(flowers)

    assert list_pictures(str(flowers)).fingerprint() != before


def test_fingerprint_ignores_litter(flowers):
    before = list_pictures(str(flowers)).fingerprint()
    touch(flowers / "roses/.DS_Store")

    assert list_pictures(str(flowers)).fingerprint() == before


def test_check_accepts_a_good_folder_and_returns_its_listing(flowers):
    assert check(str(flowers), min_images_per_class=2).classes == ("roses", "tulips")


def test_check_leaves_a_remote_address_to_the_ingest():
    assert check("gs://bucket/photos") is None


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        ([], "missing", "missing, which does not exist"),
        (["f"], "f", "f, which is a file; check the path"),
        (["f.7z"], "f.7z", "f.7z, which is a file; unpack it and name the folder"),
        (
            ["f.TGZ"],
            "f.TGZ",
            "f.TGZ, which is a file; a compressed file cannot be read in place: `gunzip --keep ",
        ),
        (
            ["a b.tar.xz"],
            "a b.tar.xz",
            "a b.tar.xz'`, then name ",
        ),
        ([], "", "no picture in any class folder"),
        (["1.jpg", "2.jpg"], "", "directly in it: 2 files"),
        (["roses/1.jpg", "roses/2.jpg"], "", "only 'roses'"),
        (["a/1", "a/2", "b/1"], "", "'b' has 1"),
        (["a/1", "b/1", "c/1", "d/1", "e/1"], "", "'c' has 1 and 2 more classes"),
        (["a/1", "b\nc/1"], "", "must fit on one line"),
    ],
)
def test_check_refuses_in_one_line(tmp_path, files, path, expected):
    for name in files:
        touch(tmp_path / name)
    with pytest.raises(DataError) as error:
        check(str(tmp_path / path), min_images_per_class=2)

    message = str(error.value)
    assert expected in message
    assert "Received: " in message
    assert "\n" not in message
    assert error.value.exit_code == 2


def test_an_empty_class_folder_is_refused(flowers):
    (flowers / "violets").mkdir()
    with pytest.raises(DataError, match="'violets' has 0"):
        check(str(flowers), min_images_per_class=2)


def test_a_missing_remote_folder_is_a_data_error(bucket, tmp_path):
    with pytest.raises(DataError, match="nowhere, which does not exist"):
        list_pictures(bucket(tmp_path / "nowhere"))


def test_a_class_name_that_is_not_utf8_is_refused(tmp_path):
    touch(tmp_path / os.fsdecode(b"caf\xe9") / "1.jpg")
    with pytest.raises(DataError, match="must be valid UTF-8"):
        list_pictures(str(tmp_path))


def test_folders_named_like_splits_with_pictures_directly_in_them_are_ambiguous(tmp_path):
    for name in ["train/1.jpg", "val/1.jpg"]:
        touch(tmp_path / name)
    with pytest.raises(DataError, match=r"sort them by class, or, .* data\.source=class"):
        list_pictures(str(tmp_path))
    sure = SourceOptions(source="class_folders")
    assert list_pictures(str(tmp_path), sure).classes == ("train", "val")


def test_splits_below_the_classes_are_refused(tmp_path):
    for name in ["ant/train/1.jpg", "ant/val/1.jpg", "bee/train/1.jpg", "bee/val/1.jpg"]:
        touch(tmp_path / name)
    with pytest.raises(DataError, match="Splits must lie above the classes"):
        list_pictures(str(tmp_path))


def test_a_folder_too_high_is_told_with_the_right_path(tmp_path):
    for name in ["downloads/flowers/roses/1.jpg", "downloads/flowers/tulips/1.jpg"]:
        touch(tmp_path / name)
    touch(tmp_path / "downloads/LICENSE.txt")
    with pytest.raises(DataError, match=f"too high.* name {tmp_path}/downloads/flowers\\."):
        list_pictures(str(tmp_path))


def test_a_folder_too_low_is_told_with_the_right_path(flowers):
    with pytest.raises(DataError, match=f"name the folder above, {flowers}"):
        list_pictures(str(flowers / "roses"))


def test_an_archive_in_the_folder_is_suggested(tmp_path):
    touch(tmp_path / "flowers.zip")
    with pytest.raises(DataError, match=f"name the archive, {tmp_path}/flowers.zip"):
        list_pictures(str(tmp_path))


def test_a_table_in_the_folder_is_suggested(tmp_path):
    touch(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=f"if {tmp_path}/labels.csv lists pictures .* name it"):
        list_pictures(str(tmp_path))


def test_one_class_may_be_named_like_a_split(tmp_path):
    for name in ["test/1.jpg", "quiz/1.jpg"]:
        touch(tmp_path / name)
    assert list_pictures(str(tmp_path)).classes == ("quiz", "test")


def test_a_folder_of_data_sets_is_no_folder_of_classes(tmp_path):
    for name in ["2025/ant/1.jpg", "2025/bee/1.jpg", "2026/ant/1.jpg", "2026/bee/1.jpg"]:
        touch(tmp_path / name)
    with pytest.raises(DataError, match=r"all hold the same folders \(ant, bee\)"):
        list_pictures(str(tmp_path))


@pytest.mark.parametrize("other", ["bee/3.jpg", "bee/loose/1.jpg", "cat/1.jpg"])
def test_folders_below_classes_are_fine_where_they_differ(tmp_path, other):
    for name in ["ant/indoors/1.jpg", "ant/outdoors/1.jpg", "bee/indoors/1.jpg", other]:
        touch(tmp_path / name)
    assert "ant" in list_pictures(str(tmp_path)).classes
