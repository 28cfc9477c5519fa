"""The store keeps what the sources show, and the hold-out depends on content alone."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitpipe.errors import DataError
from components.bit import imagenet
from pretraining import duplicates, pictures
from tests.pretraining.conftest import A_CLASS, CLASSES, picture

SHARED = Path(__file__).resolve().parents[3] / "shared/data"


def test_pictures_labels_and_sizes_come_back_as_they_were(stored):
    assert len(stored) == len(CLASSES) * A_CLASS
    for place, (label, number) in enumerate((c, n) for c in CLASSES for n in range(A_CLASS)):
        assert stored.labels[place] == label
        np.testing.assert_array_equal(stored[place], picture(label, number))
    assert stored.sources == {"few.zip": len(stored)}


def test_a_folder_gives_the_same_pictures_as_a_zip(archive, stored, tmp_path):
    for path, encoded in pictures.read(archive):
        (tmp_path / "few.zip" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "few.zip" / path).write_bytes(encoded)
    again = pictures.open_or_build([tmp_path / "few.zip"], tmp_path / "store")
    assert again.digest == stored.digest
    np.testing.assert_array_equal(again.held_out, stored.held_out)


def test_a_store_is_not_taken_for_one_of_other_sources(stored, archive, tmp_path):
    store = tmp_path / "store"
    pictures.open_or_build([archive], store)
    assert len(pictures.open_or_build([], store)) == len(stored)
    with pytest.raises(DataError, match=r"was made from few.zip. Received: other.zip"):
        pictures.open_or_build([archive.with_name("other.zip")], store)


def test_a_class_outside_imagenet_is_refused_and_leaves_no_store(tmp_path):
    (tmp_path / "photos/tulips").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos/tulips/1.png")
    with pytest.raises(DataError, match=r"WordNet id .* Received: .*tulips/1.png"):
        pictures.open_or_build([tmp_path / "photos"], tmp_path / "store")
    assert not (tmp_path / "store" / pictures.INDEX).exists()


def test_a_source_without_pictures_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="Received: none"):
        pictures.open_or_build([tmp_path / "empty"], tmp_path / "store")
    with pytest.raises(DataError, match="a folder or a zip"):
        list(pictures.read(tmp_path / "missing.zip"))


def test_more_pictures_move_none_between_training_and_hold_out():
    digests = [np.random.default_rng(number).bytes(32) for number in range(5000)]
    some = pictures.hold_out(np.arange(2000), digests[:2000], share=0.1)
    more = pictures.hold_out(np.arange(5000), digests, share=0.1)
    np.testing.assert_array_equal(some, more[:2000])
    assert more.mean() == pytest.approx(0.1, abs=0.02)


def test_near_duplicates_are_held_out_together():
    digests = [np.random.default_rng(number).bytes(32) for number in range(1000)]
    groups = np.arange(1000)
    groups[500:] = groups[:500]
    chosen = pictures.hold_out(groups, digests, share=0.5)
    np.testing.assert_array_equal(chosen[:500], chosen[500:])
    # Whichever of them comes first.
    turned = pictures.hold_out(groups, digests[500:] + digests[:500], share=0.5)
    np.testing.assert_array_equal(turned, chosen)


def test_a_photograph_is_recognised_at_another_size_within_its_class():
    wide = np.array(Image.fromarray(picture(3, 1)).resize((128, 96), Image.Resampling.BICUBIC))
    small = np.array(Image.fromarray(wide).resize((64, 64), Image.Resampling.BICUBIC))
    thumbnails = [duplicates.thumbnail(each) for each in (wide, picture(3, 2), small, small)]
    groups = duplicates.group(np.stack(thumbnails), np.array([3, 3, 3, 4]))
    assert groups.tolist() == [0, 1, 0, 3]


def test_chains_of_duplicates_are_one_group():
    angles = np.array([0.0, 0.4, 0.2])  # neighbours correlate by 0.98, the ends by 0.92
    thumbnails = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert duplicates.group(thumbnails, np.zeros(3, int)).tolist() == [0, 0, 0]


def test_labels_are_places_in_the_order_of_wordnet_ids():
    wnids = [known.wnid for known in imagenet.classes()]
    assert wnids == sorted(wnids)


@pytest.mark.skipif(not list(SHARED.glob("*imagenet*.zip")), reason="no pictures in ../shared/data")
def test_the_upstream_sets_hold_100_000_pictures_of_293_classes():
    known = {each.wnid for each in imagenet.classes()}
    names = [
        name
        for source in SHARED.glob("*imagenet*.zip")
        for name in zipfile.ZipFile(source).namelist()
        if name.endswith(pictures.ENDINGS)
    ]
    wnids = {name.split("/")[-2] for name in names}
    assert len(names) == 100_000
    assert len(wnids) == 293
    assert wnids <= known
