import pytest

from bitpipe.errors import DataError
from components.image_example_gen.sources.options import SourceOptions
from components.image_example_gen.sources.registry import check_data, list_pictures
from tests.components.image_example_gen.folders import touch


@pytest.fixture
def data(tmp_path):
    """Writes two pictures of each of two classes into each of the splits."""

    def data(*splits):
        for split in splits:
            for name in ("ants/1.jpg", "ants/2.jpg", "bees/1.jpg", "bees/deep/2.jpg"):
                touch(tmp_path / split / name)
        return str(tmp_path)

    return data


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "val"), {"train", "eval"}),
        (("Training", "VALIDATION", "testing"), {"train", "eval", "test"}),
        (("train", "valid", "test"), {"train", "eval", "test"}),
    ],
)
def test_folders_named_like_splits_are_kept_as_they_are(data, names, splits):
    listing = list_pictures(data(*names))
    assert listing.classes == ("ants", "bees")
    assert {one.split for one in listing.pictures} == splits
    assert all(one.label in one.path.split("/") for one in listing.pictures)
    assert listing.recognised.startswith("pre-split folders: splits kept as given (train 4, ")


def test_what_is_kept_out_is_said(data):
    assert (
        "test is kept out of training and of the gate"
        in list_pictures(data("train", "val", "test")).recognised
    )


def test_without_a_split_for_the_gate_it_is_drawn_from_training_alone(data):
    listing = list_pictures(data("train", "test"))
    assert {one.split for one in listing.pictures if one.path.startswith("train")} == {None}
    assert {one.split for one in listing.pictures if one.path.startswith("test")} == {"test"}
    assert "drawn from those for training" in listing.recognised


def test_a_test_split_without_classes_is_counted_and_left_out(data, tmp_path):
    root = data("train", "val")
    touch(tmp_path / "test/1.jpg")
    listing = list_pictures(root)
    assert listing.loose_files == 1
    assert listing.found == 9 == len(listing.pictures) + listing.loose_files


def test_pictures_of_the_test_split_do_not_fill_a_class(data, tmp_path):
    root = data("train", "test")
    with pytest.raises(DataError, match="'ants' has 2"):
        check_data(root, min_images_per_class=3)


def test_another_folder_beside_the_splits_is_refused_where_they_are_asked_for(data, tmp_path):
    root = data("train", "val")
    touch(tmp_path / "extra/1.jpg")
    with pytest.raises(DataError, match=r"nothing else\. Received: extra, train, val in"):
        list_pictures(root, SourceOptions(source="split_folders"))
