import io
import time
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from components.image_example_gen.looks import Looks, gather, look, near_pairs

FLOWERS = Path(__file__).parents[4] / "shared" / "data" / "flower_photos_160.zip"


def photograph(seed, size=(160, 120)):
    """Something with the coarse shapes of a photograph."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def jpeg(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


CHANGES = [
    lambda picture: jpeg(picture, 60),
    lambda picture: jpeg(picture, 30),
    lambda picture: picture.resize((120, 90)),
    lambda picture: picture.resize((320, 240)),
    lambda picture: picture.point(lambda value: min(255, int(value * 1.05 + 4))),
    lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
]


def pairs(pictures):
    return near_pairs(gather([look(np.asarray(one.convert("RGB"))) for one in pictures]))


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_that_was_saved_again_looks_the_same(change):
    pictures = [photograph(seed) for seed in range(20)]
    both = [*pictures, *map(change, pictures)]
    assert pairs(both) == [(n, n + 20) for n in range(20)]


def test_different_pictures_do_not_whatever_their_hashes():
    handwriting = pytest.importorskip("sklearn.datasets").load_digits()
    digits = (handwriting.images * 15.9).astype(np.uint8)
    digits = np.unique(digits, axis=0)
    large = digits.repeat(4, 1).repeat(4, 2)[..., None].repeat(3, 3)
    looks = gather([look(one) for one in large])
    # More than one in a hundred would bind half of all to one side.
    assert len(near_pairs(looks)) < len(digits) / 100


def test_pictures_of_one_colour_look_like_nothing():
    assert pairs([Image.new("RGB", (9, 9), (0, 0, n)) for n in range(5)]) == []


def test_no_pictures_and_one_have_no_pairs():
    assert near_pairs(gather([])) == []
    assert pairs([photograph(1)]) == []


def test_all_hashes_within_six_bits_are_found():
    random = np.random.default_rng(1)
    thumbnail = np.tile(random.integers(0, 256, (1, 192), np.uint8), (60, 1))
    hashes = random.integers(0, 2**63, 60, np.uint64)
    for at in range(1, 60, 2):  # each differs from the one before in up to ten bits
        flips = random.choice(63, random.integers(0, 11), replace=False)
        hashes[at] = hashes[at - 1] ^ np.uint64(sum(1 << int(bit) for bit in flips))
    expected = [
        (i, j)
        for i, j in combinations(range(60), 2)
        if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= 6
    ]
    assert len(expected) > 10
    assert near_pairs(Looks(hashes, thumbnail)) == expected


def test_a_hundred_thousand_are_compared_in_seconds():
    random = np.random.default_rng(2)
    count = 100_000
    looks = Looks(
        random.integers(0, 2**63, count, np.uint64),
        random.integers(0, 256, (count, 192), np.uint8),
    )
    looks.hashes[1], looks.thumbnails[1] = looks.hashes[0], looks.thumbnails[0]
    started = time.process_time()
    assert near_pairs(looks) == [(0, 1)]
    assert time.process_time() - started < 30


@pytest.mark.skipif(not FLOWERS.exists(), reason="needs the photographs of ../shared/data")
def test_the_known_copies_among_the_flowers_are_found():
    known = {
        ("14889392928_9742aed45b_m", "15066430311_fb57fa92b0_m"),
        ("15069459615_7e0fd61914_n", "15072973261_73e2912ef2_n"),
    }
    with zipfile.ZipFile(FLOWERS) as archive:
        names = [n for n in archive.namelist() if "/sunflowers/1" in n]
        found = [look(np.asarray(Image.open(archive.open(name)).convert("RGB"))) for name in names]
    stems = [Path(name).stem for name in names]
    assert known <= {tuple(sorted((stems[i], stems[j]))) for i, j in near_pairs(gather(found))}
