"""Records of an earlier ingest: those that are whole are read, and nothing else."""

import zlib
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.image_example_gen.kept import Kept, Records, read_records

WRITTEN = [bytes([number]) * size for number, size in enumerate((0, 1, 700, 5000, 3))]
OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("examples") / "data.gz")
    with tf.io.TFRecordWriter(place, OPTIONS) as writer:
        for record in WRITTEN:
            writer.write(record)
    return place


def kept(place, position):
    return Kept("train", place, position, zlib.crc32(WRITTEN[position]))


def test_records_are_those_that_tensorflow_wrote(place):
    assert list(read_records(place)) == WRITTEN
    records = Records()
    assert [records.read(kept(place, n)) for n in (1, 3, 4)] == [WRITTEN[n] for n in (1, 3, 4)]


def test_a_file_that_is_gone_or_cut_raises_where_nobody_knows_checksums(place, tmp_path):
    with pytest.raises((OSError, tf.errors.NotFoundError)):
        list(read_records(str(tmp_path / "gone.gz")))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(Path(place).read_bytes()[:-2000])
    with pytest.raises((OSError, EOFError)):
        list(read_records(str(cut)))


@settings(max_examples=30)
@given(data=st.data())
def test_of_a_damaged_file_a_record_is_read_as_it_was_or_not_at_all(place, data):
    content = bytearray(Path(place).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    Path(f"{place}.damaged").write_bytes(content)
    records = Records()
    for position, written in enumerate(WRITTEN):
        assert records.read(kept(f"{place}.damaged", position)) in (None, written)
