import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from bitpipe.errors import StoreError
from components import features
from components.image_example_gen import images
from components.image_example_gen.images import RejectedImageError
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.room import Room
from components.image_example_gen.sources import class_folders
from components.image_example_gen.sources.registry import list_pictures

MAX_PIXELS = 10_000

pictures = arrays.arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
    elements=st.integers(0, 255),
)


def encoded(pixels, file_format, **options):
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def read(path, name, label="a"):
    picture = ListedPicture(name, label, None, 0, 0, "class_folders")
    return images.read_image(str(path), picture, MAX_PIXELS)


def digest_of(tmp_path, data):
    path = tmp_path / "a" / "1"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return read(tmp_path, "a/1").sha256


@settings(max_examples=25)
@given(pictures)
def test_equal_pictures_have_equal_digests_whatever_the_container(tmp_path_factory, pixels):
    tmp_path = tmp_path_factory.mktemp("equal")
    files = [
        encoded(pixels, "PNG", compress_level=0),
        encoded(pixels, "PNG", dpi=(72, 72), compress_level=9),
        encoded(pixels, "BMP"),
        encoded(pixels, "TIFF"),
        encoded(pixels, "WEBP", lossless=True),
    ]
    assert len(set(files)) == 5
    assert {digest_of(tmp_path, data) for data in files} == {images.pixel_digest(pixels)}


def test_metadata_does_not_change_the_digest_of_a_jpeg(tmp_path, encode):
    plain = encode(file_format="JPEG")
    commented = encode(file_format="JPEG", comment="from my camera", dpi=(300, 300))

    assert plain != commented
    assert digest_of(tmp_path, plain) == digest_of(tmp_path, commented)


@settings(max_examples=50)
@given(pictures, st.data())
def test_one_changed_value_changes_the_digest(pixels, data):
    other = pixels.copy()
    other.flat[data.draw(st.integers(0, pixels.size - 1))] ^= 1

    assert images.pixel_digest(other) != images.pixel_digest(pixels)


def test_the_shape_is_part_of_the_digest():
    flat = np.arange(36, dtype=np.uint8)

    assert images.pixel_digest(flat.reshape(2, 6, 3)) != images.pixel_digest(flat.reshape(6, 2, 3))


def test_the_example_has_the_features_of_the_contract(tmp_path, encode):
    (tmp_path / "my class/deep").mkdir(parents=True)
    data = encode(size=(8, 6))
    (tmp_path / "my class/deep/Größe 1.png").write_bytes(data)
    image = read(tmp_path, "my class/deep/Größe 1.png", "my class")
    found = tf.io.parse_single_example(
        images.to_example(image).SerializeToString(),
        {
            **{n: tf.io.FixedLenFeature([], tf.int64) for n in ("height", "width", "area")},
            **{
                n: tf.io.FixedLenFeature([], tf.string)
                for n in ("image", "sha256", "filename", "label")
            },
        },
    )

    assert {name: value.numpy() for name, value in found.items()} == {
        "image": data,
        "height": 8,
        "width": 6,
        "area": 48,
        "sha256": images.pixel_digest(images.decode(data)).encode(),
        "filename": "my class/deep/Größe 1.png".encode(),
        "label": b"my class",
    }
    assert set(images.to_example(image).features.feature) == set(found)


def test_a_turned_photo_becomes_upright(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise: the left side comes up
    digest_of(tmp_path, encoded(pixels, "PNG", exif=exif))
    image = read(tmp_path, "a/1")
    upright = images.decode(image.image)

    assert (image.height, image.width, image.changed) == (8, 4, True)
    assert (upright[:4] == 255).all()
    assert (upright[4:] == 0).all()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: b"", "empty"),
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda _: b"not a picture at all", "it is a text"),
    ],
)
def test_a_bad_file_is_rejected_with_its_reason(tmp_path, encode, spoil, reason):
    data = encode(size=(64, 64), file_format="JPEG")
    with pytest.raises(RejectedImageError, match=reason):
        digest_of(tmp_path, spoil(data))


def test_what_only_tensorflow_refuses_is_rejected_with_a_clean_reason(encode):
    data = encode(size=(64, 64), file_format="JPEG")
    with pytest.raises(RejectedImageError, match="TensorFlow cannot decode it: ") as error:
        images.decode(data[: len(data) // 2])
    assert "function_node" not in str(error.value)
    assert "[Op" not in str(error.value)


def test_too_many_pixels_are_rejected(tmp_path, encode):
    with pytest.raises(RejectedImageError, match="more than 10000"):
        digest_of(tmp_path, encode(size=(101, 100)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_pictures_wait_until_there_is_room_for_their_pixels(tmp_path, encode, monkeypatch, form):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1").write_bytes(encode(size=(30, 20), file_format=form))
    inside, most = [], [0]
    convert = images._convert

    def counting(*args):
        inside.append(args)
        most[0] = max(most[0], len(inside))
        time.sleep(0.01)
        try:
            return convert(*args)
        finally:
            inside.remove(args)

    monkeypatch.setattr(images, "_convert", counting)
    for limit, fitting in ((2 * 600, 2), (599, 1)):
        monkeypatch.setattr(images, "_ROOM", Room(limit))
        most[0] = 0
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: read(tmp_path, "a/1"), range(12)))
        assert most[0] == fitting


def test_a_missing_file_is_rejected_and_a_failing_store_is_not(tmp_path):
    with pytest.raises(RejectedImageError, match="No such file"):
        read(tmp_path, "a/gone.jpg")
    with pytest.raises(StoreError, match="nostore://bucket"):
        read("nostore://bucket", "a/1.jpg")


def test_a_folder_and_a_pipe_in_the_place_of_a_picture_are_rejected(tmp_path):
    (tmp_path / "a/folder.jpg").mkdir(parents=True)
    os.mkfifo(tmp_path / "a/pipe.jpg")  # Opening it would wait for ever.
    for name in ("a/folder.jpg", "a/pipe.jpg", "a/folder.jpg/1.jpg"):
        with pytest.raises(RejectedImageError, match="cannot be opened: "):
            read(tmp_path, name)


def test_a_disk_that_fails_is_not_the_pictures_fault(tmp_path, encode, monkeypatch):
    digest_of(tmp_path, encode())

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(class_folders, "read", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read(tmp_path, "a/1")


def test_a_picture_whose_name_is_not_utf8_is_an_example_with_its_bytes_spelled_out(
    tmp_path, encode
):
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_bytes(encode())
    (picture,) = list_pictures(str(tmp_path)).pictures
    example = images.to_example(images.read_image(str(tmp_path), picture, MAX_PIXELS))
    stored = example.features.feature[features.FILENAME].bytes_list.value[0]
    assert stored == rb"a/caf\xe9.png"


def test_a_remote_folder_is_listed_and_read_like_a_local_one(photos, encode, bucket):
    (photos / "bees/deep").mkdir()
    (photos / "bees/deep/x y.png").write_bytes(encode(seed=99))
    (photos / "bees/labels.csv").touch()
    (photos / "README.md").touch()
    remote = bucket(photos)
    local, found = list_pictures(str(photos)), list_pictures(remote)

    assert [(p.path, p.label, p.size) for p in found.pictures] == [
        (p.path, p.label, p.size) for p in local.pictures
    ]
    assert found.classes == local.classes
    assert (found.loose_files, found.skipped_files) == (1, 1)
    name = "bees/deep/x y.png"
    assert read(remote, name) == read(photos, name)
    with pytest.raises(RejectedImageError, match="cannot be opened: No such file"):
        read(remote, "bees/gone.png")


def test_a_large_picture_becomes_an_example_of_its_scaled_size(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30] = 200
    (tmp_path / "a" / "1").write_bytes(encoded(pixels, "JPEG", quality=95))
    picture = ListedPicture("a/1", "a", None, 0, 0, "class_folders")
    found = images.read_image(str(tmp_path), picture, MAX_PIXELS, longest_side=40)
    assert (found.width, found.height, found.changed) == (40, 30, True)
    assert images.decode(found.image).shape == (30, 40, 3)
    assert not read(tmp_path, "a/1").changed
