import gzip
import threading
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen import shard
from components.image_example_gen.folder import ListedFile, list_folder
from components.image_example_gen.outcomes import AcceptedFile, RejectedFile

sizes = st.lists(st.integers(0, shard.MAX_BYTES + 5), max_size=60)


def listed(count, size=10):
    return [ListedFile(f"{'ab'[n % 2]}/{n}", size, 0) for n in range(count)]


@given(sizes)
def test_every_file_is_in_exactly_one_shard_of_bounded_size(sizes):
    files = [ListedFile(f"a/{n}", size, 0) for n, size in enumerate(sizes)]
    shards = shard.plan(files)
    dealt = [name for part in shards for name in part.filenames]
    size_of = {file.filename: file.size for file in files}

    assert sorted(dealt) == sorted(size_of)
    assert [(part.index, part.count) for part in shards] == [
        (n, len(shards)) for n in range(len(shards))
    ]
    for part in shards:
        assert part.filenames
        assert (
            len(part.filenames) == 1 or sum(size_of[n] for n in part.filenames) <= shard.MAX_BYTES
        )


def test_many_files_are_dealt_in_bounded_groups():
    assert [len(part.filenames) for part in shard.plan(listed(1100))] == [512, 512, 76]


def test_classes_are_mixed_and_a_new_file_leaves_the_order_of_the_others():
    names = list(shard.plan(listed(100))[0].filenames)
    more = [name for name in shard.plan(listed(101))[0].filenames if name != "a/100"]

    assert 10 < sum(name.startswith("a/") for name in names[:50]) < 40
    assert more == names


def test_results_keep_their_order_and_the_input_is_not_pulled_far_ahead():
    pulled = 0

    def source():
        nonlocal pulled
        for n in range(1000):
            pulled += 1
            yield n

    ahead = []
    for n, result in enumerate(shard.map_in_order(lambda n: n * n, source())):
        assert result == n * n
        ahead.append(pulled - n)

    assert len(ahead) == 1000
    assert max(ahead) <= 2 * shard.THREADS


class Stop(Exception):
    pass


@pytest.fixture
def write(photos: Path, tmp_path: Path):
    """Writes all of `photos` as one shard; returns where to."""
    (photos / "ants/empty.jpg").touch()

    def write(name="out", on_file=lambda: None, times=1):
        out = tmp_path / name
        for place in ("Split-train", "Split-eval", "unfinished"):
            (out / place).mkdir(parents=True)
        (part,) = shard.plan(list_folder(str(photos)).files)
        for _ in range(times):
            shard.write(
                part,
                path=str(photos),
                max_pixels=10_000,
                split_folders={s: str(out / f"Split-{s}") for s in ("train", "eval")},
                choose_split=lambda example: (
                    "eval"
                    if example.features.feature["label"].bytes_list.value[0] == b"ants"
                    else "train"
                ),
                outcome_folder=str(out / "unfinished"),
                on_file=on_file,
            )
        return out

    return write


def test_records_and_outcomes_of_all_files_are_written(write):
    out = write()
    outcomes = list(shard.read_outcomes(str(out / "unfinished")))
    accepted = [outcome for outcome in outcomes if isinstance(outcome, AcceptedFile)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, RejectedFile)]

    assert rejected == [RejectedFile("ants/empty.jpg", "the file is empty")]
    assert len(accepted) == 24
    for split, label in [("eval", b"ants"), ("train", b"bees")]:
        (file,) = (out / f"Split-{split}").iterdir()
        assert file.name == "data_tfrecord-00000-of-00001.gz"
        records = list(tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator())
        examples = [tf.train.Example.FromString(record) for record in records]
        assert len(examples) == 12
        assert {e.features.feature["label"].bytes_list.value[0] for e in examples} == {label}
        assert [outcome.filename for outcome in accepted if outcome.split == split] == [
            e.features.feature["filename"].bytes_list.value[0].decode() for e in examples
        ]


def test_a_repeated_shard_replaces_itself_with_the_same_bytes(write):
    once, twice = write("once"), write("twice", times=2)

    for split in ("Split-train", "Split-eval"):
        (a,), (b,) = (once / split).iterdir(), (twice / split).iterdir()
        assert gzip.decompress(a.read_bytes()) == gzip.decompress(b.read_bytes())
    assert len(list(shard.read_outcomes(str(twice / "unfinished")))) == 25


def test_progress_counts_every_file_also_rejected_ones(write):
    calls = []
    write(on_file=lambda: calls.append(threading.get_ident()))

    assert len(calls) == 25


def test_a_shard_that_fails_midway_leaves_nothing_in_a_split(write, tmp_path):
    calls = 0

    def fail():
        nonlocal calls
        calls += 1
        if calls == 10:
            raise Stop

    with pytest.raises(Stop):
        write(on_file=fail)
    assert not list((tmp_path / "out/Split-train").iterdir())
    assert not list((tmp_path / "out/Split-eval").iterdir())
    assert not list(shard.read_outcomes(str(tmp_path / "out/unfinished")))
