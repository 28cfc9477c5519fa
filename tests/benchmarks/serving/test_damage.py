"""Broken files are broken in every way, the same for the same generator, and small."""

import io
import random
import struct
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.serving import damage, pictures
from bitpipe.pictures.limits import MAX_PIXELS

MOST_PIXELS = 50_000_000  # beyond any photo
MOST_BYTES = 100_000
SEEDS = range(120)

# magic -> where the size is claimed, and how
SIZES = {b"\x89PNG": (16, ">II"), b"GIF8": (6, "<HH"), b"BM": (18, "<ii")}


def claimed(data):
    """Width and height from the head of a file, which no decoder is asked for."""
    for magic, (place, form) in SIZES.items():
        if data.startswith(magic):
            return struct.unpack_from(form, data, place)
    assert data.startswith(b"\xff\xd8")
    # ITU T.81, B.2.2: marker, length, precision, height, width.
    _, _, height, width = struct.unpack_from(">HBHH", data, data.index(b"\xff\xc0") + 2)
    return width, height


@pytest.fixture(scope="module")
def bombs():
    return [damage.bomb(random.Random(seed)) for seed in SEEDS]


@given(st.binary(max_size=200), st.integers())
@example(b"", 0)
def test_any_bytes_can_be_mutated_and_the_same_generator_does_the_same(data, seed):
    mutated = damage.mutate(data, random.Random(seed))
    assert isinstance(mutated, bytes)
    assert mutated == damage.mutate(data, random.Random(seed))
    assert len(mutated) <= len(data) + damage.MOST_CHANGES * damage.MOST_INSERTED


def test_mutations_differ_from_the_original_and_from_each_other():
    original = bytes(range(200))
    mutated = {damage.mutate(original, random.Random(seed)) for seed in SEEDS}
    assert len(mutated - {original}) > 0.95 * len(SEEDS)


def test_mutations_shorten_lengthen_and_keep_the_length():
    changes = [len(damage.mutate(bytes(300), random.Random(seed))) - 300 for seed in range(400)]
    assert min(changes) < -200  # cut off, which no single removal comes to
    assert any(-64 <= change < 0 for change in changes)
    assert 0 in changes
    assert max(changes) > 64


def test_pictures_are_empty_random_cut_off_and_changed_and_few_can_be_decoded():
    files = [damage.picture(random.Random(seed)) for seed in range(400)]
    assert files == [damage.picture(random.Random(seed)) for seed in range(400)]
    assert b"" in files
    for magic in (b"\x89PNG", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF"):
        assert any(file.startswith(magic) for file in files)
    assert sound(files) < 0.5 * len(files)


def test_some_pictures_are_whole_ones_cut_off():
    forms = ("JPEG", "PNG", "GIF", "BMP") * 2
    whole = [pictures.encode(seed, (48, 40), form) for seed, form in enumerate(forms)]
    files = [damage.picture(random.Random(seed)) for seed in range(400)]
    cut_off = [file for file in files if file and any(good.startswith(file) for good in whole)]
    assert len(cut_off) > 25  # an eighth is wanted


def sound(files):
    """How many can be decoded."""
    count = 0
    for file in files:
        try:
            Image.open(io.BytesIO(file)).load()
        except Exception:  # Pillow's decoders raise whatever comes to them
            continue
        count += 1
    return count


def test_bombs_are_small_files_that_claim_to_be_huge(bombs):
    assert max(map(len, bombs)) < MOST_BYTES
    for magic in (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM"):
        sizes = [claimed(data) for data in bombs if data.startswith(magic)]
        assert max(width * height for width, height in sizes) > MOST_PIXELS


def test_bombs_claim_sizes_that_no_picture_has(bombs):
    sizes = [side for data in bombs for side in claimed(data)]
    assert min(sizes) < 0
    assert 0 in sizes
    assert max(sizes) == 2**32 - 1


def test_some_bombs_are_really_as_large_as_they_claim(bombs):
    real = {claimed(d) for d in bombs if d.startswith(b"\x89PNG")} & {
        (side, side) for side in (9_600, 10_000, 10_100)
    }
    assert len(real) == 3
    data = next(d for d in bombs if d.startswith(b"\x89PNG") and claimed(d) == (9_600, 9_600))
    parts = dict(chunks(data))
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    # A row of one-bit pixels is its filter and an eighth as many bytes.
    assert len(zlib.decompress(parts[b"IDAT"])) == 9_600 * (1 + 9_600 // 8)


def chunks(png):
    """kind, data of each, whose checksums are right."""
    place = 8
    while place < len(png):
        size, kind = struct.unpack_from(">I4s", png, place)
        data = png[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", png, place + 8 + size) == (zlib.crc32(kind + data),)
        yield kind, data
        place += 12 + size


def test_png_bombs_have_sound_checksums_so_that_a_decoder_believes_them(bombs):
    for data in bombs:
        if data.startswith(b"\x89PNG"):
            assert [kind for kind, _ in chunks(data)] == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize(("frames", "side"), [(1, 8), (2, 8), (7, 20)])
def test_animation_has_all_of_its_frames(frames, side):
    image = Image.open(io.BytesIO(damage.many_frames(frames, side)))
    assert getattr(image, "n_frames", 1) == frames
    assert image.size == (side, side)


def test_animation_is_among_the_bombs(bombs):
    animations = [d for d in bombs if d.startswith(b"GIF8") and claimed(d) == (1000, 1000)]
    # Each frame has an image descriptor after its control extension of eight bytes (GIF89a, 23).
    assert animations
    assert animations[0].count(b"\x21\xf9\x04") >= 39


# Pillow begins to warn below the server's own limit.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_largest_picture_is_just_within_the_servers_limit_and_small_as_a_file():
    data = damage.largest()
    width, height = Image.open(io.BytesIO(data)).size
    assert 0.98 < width * height / MAX_PIXELS <= 1
    assert len(data) < 100_000
