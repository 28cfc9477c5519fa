import contextlib
import gzip
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import DataError
from components.image_example_gen.sources import registry, tf_examples
from components.image_example_gen.sources.options import SourceOptions

TEXTS = {"image/encoded": b"JPEG bytes", "image/class/text": b"ant"}


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def record(features):
    """A framed tf.Example, as TensorFlow writes it; the checksums are not looked at."""
    entries = b""
    for name, value in features.items():
        if isinstance(value, bytes):
            feature = field(1, field(1, value))
        elif isinstance(value, float):
            feature = field(2, field(1, struct.pack("<f", value)))
        else:
            feature = field(3, field(1, varint(value % 2**64)))
        entries += field(1, field(1, name.encode()) + field(2, feature))
    data = field(1, entries)
    return struct.pack("<Q4x", len(data)) + data + bytes(4)


@pytest.fixture
def data(tmp_path):
    def data(**files):
        for name, records in files.items():
            place = tmp_path / name.replace("__", "/").replace("_tfrecord", ".tfrecord")
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(b"".join(map(record, records)))
        return str(tmp_path)

    return data


def test_records_are_pictures_whose_bytes_are_read_where_they_lie(data):
    path = data(**{"a_tfrecord-00000-of-00001": [TEXTS, {**TEXTS, "image/class/text": b"bee"}]})
    listing = registry.list_pictures(path)
    assert listing.classes == ("ant", "bee")
    for one in listing.pictures:
        assert registry.by_name(one.source).read(listing.path, one) == b"JPEG bytes"
        assert one.size == 10
    assert listing.recognised == "TFRecords: 1 file with 2 examples"


@pytest.mark.parametrize("pack", ["tar", "zip", "store"])
def test_they_are_read_where_they_lie_in_archives_and_stores(data, tmp_path, bucket, pack):
    folder = Path(data(train__a_tfrecord=[TEXTS] * 3, val__b_tfrecord=[TEXTS] * 2))
    if pack == "store":
        place = bucket(folder)
    else:
        place = str(folder.with_suffix(f".{pack}"))
        if pack == "zip":
            with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
                for file in folder.rglob("*.tfrecord"):
                    archive.write(file, file.relative_to(folder))
        else:
            shutil.make_archive(str(folder), pack, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf_examples, "_PAGE_BYTES", 16)  # so that all that is read crosses pages
        packed = registry.list_pictures(place)
        named = registry.list_pictures(f"{place}/train/a.tfrecord")
    here = registry.list_pictures(str(folder))
    assert [(one.path, one.label, one.split, one.size) for one in packed.pictures] == [
        (one.path, one.label, one.split, one.size) for one in here.pictures
    ]
    assert len(named.pictures) == 3
    for listing in (packed, named):
        for one in listing.pictures:
            assert registry.by_name(one.source).read(listing.path, one) == b"JPEG bytes"


def test_compressed_in_an_archive_they_are_refused_with_what_to_do(data, tmp_path):
    folder = data(a_tfrecord=[TEXTS])
    place = shutil.make_archive(folder, "zip", folder)
    with pytest.raises(
        DataError, match=r"a\.tfrecord: .* compressed there: unpack it, or .*zip -0"
    ):
        registry.list_pictures(place)


@given(st.binary(min_size=1, max_size=50), st.data())
def test_pages_of_a_file_read_as_the_file(content, draw):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf_examples, "_PAGE_BYTES", 7)
        paged = tf_examples.Paged(lambda at, size: content[at : at + size], len(content))
        ends = st.integers(0, len(content) + 3)
        for _ in range(5):
            start, stop = draw.draw(ends), draw.draw(ends)
            assert paged[start:stop] == content[start:stop]
            at = draw.draw(st.integers(0, len(content) - 1))
            assert paged[at] == content[at]
        assert len(paged) == len(content)


def test_one_file_can_be_named(data, tmp_path):
    data(a_tfrecord=[TEXTS], b_tfrecord=[TEXTS])
    assert len(registry.list_pictures(str(tmp_path / "a.tfrecord")).pictures) == 1


@pytest.mark.parametrize("number", [0, 3, -1, 2**40])
def test_a_number_is_a_label_as_well(data, number):
    path = data(a_tfrecord=[{"image": b"x", "label": number, "score": 0.5}])
    assert registry.list_pictures(path).classes == (str(number),)


def test_features_can_be_named(data):
    path = data(a_tfrecord=[{"png": b"x", "kind": b"ant", "label": b"wrong"}])
    with pytest.raises(
        DataError, match=r"Received: kind, label, png in .* set data\.image_feature"
    ):
        registry.list_pictures(path)
    options = SourceOptions(image_feature="png", label_feature="kind")
    assert registry.list_pictures(path, options).classes == ("ant",)


def test_files_named_like_splits_keep_them(data):
    path = data(
        **{"x-train_tfrecord": [TEXTS], "validation__1_tfrecord": [TEXTS], "test_tfrecord": [TEXTS]}
    )
    listing = registry.list_pictures(path)
    assert {one.split for one in listing.pictures} == {"train", "eval", "test"}
    assert "test is kept out of training" in listing.recognised


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (gzip.compress, "gunzip"),
        (lambda data: data[:-5], "no whole record at byte 0"),
        (lambda data: data + b"x", "ends in the middle"),
        (lambda data: data[:12] + b"\xff" * (len(data) - 12), "is no tf.Example"),
        (lambda _: b"", "Received: none"),
        (lambda _: record({"image": 1, "label": 2}), "a number in the record at byte 0"),
        (lambda _: record({"image": b"x", "label": b"\xff"}), "must be text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, spoil, message):
    (tmp_path / "a.tfrecord").write_bytes(spoil(record(TEXTS)))
    with pytest.raises(DataError, match=message) as error:
        registry.list_pictures(str(tmp_path))
    assert "a.tfrecord" in str(error.value) or "none" in str(error.value)


@given(st.binary(max_size=60))
def test_whatever_the_bytes_they_are_read_or_refused(data):
    for framed in (data, struct.pack("<Q4x", len(data)) + data + bytes(4)):
        with contextlib.suppress(tf_examples.DamagedRecordError):
            list(tf_examples.examples(framed))


@pytest.mark.tfx
def test_what_tensorflow_writes_is_read(tmp_path):
    import tensorflow as tf

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value, b"second"]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value))

    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for values in (
            {"image/encoded": b"x" * 300, "label": [-7]},
            {"image/encoded": b"y", "label": [2**35, 1], "none": []},
        ):
            features = {name: feature(value) for name, value in values.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    listing = registry.list_pictures(str(tmp_path))
    found = {
        one.label: registry.by_name(one.source).read(listing.path, one) for one in listing.pictures
    }
    assert found == {"-7": b"x" * 300, str(2**35): b"y"}
