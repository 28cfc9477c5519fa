import base64
import gzip
import hashlib
import pickle
import threading
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from components.image_example_gen import images, shard
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.outcomes import AcceptedFile, RejectedFile
from components.image_example_gen.sources.registry import list_pictures

sizes = st.lists(st.integers(0, shard.MAX_BYTES + 5), max_size=60)


def record(path, size=10, label="a", split=None):
    return ListedPicture(path, label, split, size, 0, "class_folders")


def listed(count, size=10):
    return [record(f"{'ab'[n % 2]}/{n}", size) for n in range(count)]


@given(sizes)
def test_every_file_is_in_exactly_one_shard_of_bounded_size(sizes):
    pictures = [record(f"a/{n}", size) for n, size in enumerate(sizes)]
    shards = shard.plan(pictures)
    dealt = [picture for part in shards for picture in part.pictures]

    assert sorted(dealt, key=lambda one: one.path) == sorted(pictures, key=lambda one: one.path)
    assert [(part.index, part.count) for part in shards] == [
        (n, len(shards)) for n in range(len(shards))
    ]
    for part in shards:
        assert part.pictures
        assert (
            len(part.pictures) == 1
            or sum(picture.size for picture in part.pictures) <= shard.MAX_BYTES
        )


def test_many_files_are_dealt_in_bounded_groups():
    assert [len(part.pictures) for part in shard.plan(listed(1100))] == [512, 512, 76]


def test_classes_are_mixed_and_a_new_file_leaves_the_order_of_the_others():
    names = [picture.path for picture in shard.plan(listed(100))[0].pictures]
    more = [p.path for p in shard.plan(listed(101))[0].pictures if p.path != "a/100"]

    assert 10 < sum(name.startswith("a/") for name in names[:50]) < 40
    assert more == names


paths = st.lists(st.text(min_size=1), unique=True, max_size=30)


@settings(max_examples=50)
@given(paths, st.randoms())
def test_shards_depend_on_neither_the_order_of_listing_nor_labels_nor_splits(paths, random):
    pictures = [record(path, size=shard.MAX_BYTES // 7) for path in paths]
    relabelled = [
        replace(picture, label=random.choice("ab"), split=random.choice(["train", None]))
        for picture in random.sample(pictures, len(pictures))
    ]

    assert [[picture.path for picture in part.pictures] for part in shard.plan(relabelled)] == [
        [picture.path for picture in part.pictures] for part in shard.plan(pictures)
    ]


@given(paths, paths)
def test_added_pictures_leave_the_order_of_the_others(before, added):
    def order(paths):
        parts = shard.plan(record(path) for path in paths)
        return [picture.path for part in parts for picture in part.pictures]

    both = order({*before, *added})
    assert [path for path in both if path in before] == order(before)


def test_a_full_shard_travels_in_a_few_kilobytes():
    pictures = [
        record(f"class-{n % 50}/photo-{n}.jpg", label=f"class-{n % 50}") for n in range(512)
    ]
    (part,) = shard.plan(pictures)
    packed = pickle.dumps(part)

    assert pickle.loads(packed) == part
    assert len(packed) < 64 * 2**10


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
    assert max(ahead) <= 2 * images.THREADS


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
        (part,) = shard.plan(list_pictures(str(photos)).pictures)
        for _ in range(times):
            shard.write(
                part,
                path=str(photos),
                max_pixels=10_000,
                split_folders={s: str(out / f"Split-{s}") for s in ("train", "eval")},
                choose_split=lambda picture, _: "eval" if picture.label == "ants" else "train",
                outcome_folder=str(out / "unfinished"),
                on_file=on_file,
            )
        return out

    return write


def test_records_and_outcomes_of_all_files_are_written(write):
    out = write()
    outcomes = [one.outcome for one in converted(out)]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, AcceptedFile)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, RejectedFile)]

    assert rejected == [RejectedFile("ants/empty.jpg", "the file is empty", "empty")]
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
    assert len(converted(twice)) == 25


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
    assert not list((tmp_path / "out/unfinished").glob("outcomes-*"))


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(3, 9), slice(0, 12)])
def test_moved_records_are_where_they_would_have_been_written_and_others_are_gone(write, chosen):
    out, as_if = write(), write("as if")
    found = [one.accepted for one in converted(out) if one.accepted]
    splits = {one.key: one.split for one in found}
    ants = sorted(one.key for one in found if one.label == "ants")
    bees = sorted(one.key for one in found if one.label == "bees")
    splits.update(dict.fromkeys(ants[chosen], "train") | {bees[0]: "eval", bees[1]: "train"})
    del splits[bees[2]]
    moved = shard.move(
        shard.Shard(0, 1, ()),
        converted(out),
        splits,
        split_folders={s: str(out / f"Split-{s}") for s in ("train", "eval")},
        outcome_folder=str(out / "unfinished"),
    )

    assert {one.name: one.written for one in moved if one.written} == splits
    records = [r for split in ("train", "eval") for r in read(as_if / f"Split-{split}")]
    for split in ("train", "eval"):
        assert read(out / f"Split-{split}") == sorted(
            (record for record in records if splits.get(key(record)) == split), key=name_hash
        )


def converted(out):
    return list(shard.read_converted(str(out / "unfinished"), shard.Shard(0, 1, ())))


def read(folder):
    return [
        record
        for file in folder.iterdir()
        for record in tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator()
    ]


def key(record):
    values = tf.train.Example.FromString(record).features.feature
    filename, label = (values[name].bytes_list.value[0] for name in ("filename", "label"))
    return filename.decode(), label.decode()


def name_hash(record):
    name = tf.train.Example.FromString(record).features.feature["filename"].bytes_list.value[0]
    return hashlib.sha256(name).digest()


# One black pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def write_records(folder, data, pictures, choose_split):
    """The examples per split that `pictures` of the folder `data` become, in one shard."""
    (part,) = shard.plan(pictures)
    for place in ("Split-train", "Split-eval", "unfinished"):
        (folder / place).mkdir(parents=True)
    shard.write(
        part,
        path=str(data),
        max_pixels=10_000,
        split_folders={split: str(folder / f"Split-{split}") for split in ("train", "eval")},
        choose_split=choose_split,
        outcome_folder=str(folder / "unfinished"),
        on_file=lambda: None,
    )
    return {
        split: [
            record
            for file in (folder / f"Split-{split}").iterdir()
            for record in tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator()
        ]
        for split in ("train", "eval")
    }


def test_class_folders_become_the_same_bytes_as_ever(tmp_path):
    for name in ("ants/1.png", "ants/deep/2.png", "bees/Größe 3.png"):
        place = tmp_path / "photos" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(PNG)
    pictures = list_pictures(str(tmp_path / "photos")).pictures
    records = write_records(tmp_path, tmp_path / "photos", pictures, lambda *_: "train")["train"]

    # Names in the order of their hashes, examples serialized in the order of their features' names.
    # Another digest means that every user's pictures are ingested anew in another order.
    assert hashlib.sha256(b"".join(records)).hexdigest() == (
        "84f8d66058191c0392cd5ef62a9ebc1471e2bc75fc5028de0fd2b31233ce39b6"
    )


names = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))
labels = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(names, st.tuples(labels, st.sampled_from(["train", "eval"])), min_size=1))
def test_path_label_and_split_of_a_record_survive_to_the_example(tmp_path_factory, given):
    root = tmp_path_factory.mktemp("records")
    (root / "photos").mkdir()
    pictures = []
    for index, (name, (label, split)) in enumerate(given.items()):
        # Numbered, because some file systems take two names that differ in case for one.
        place = f"{index}{name}"[:60]
        (root / "photos" / place).write_bytes(PNG)
        pictures.append(record(place, label=label, split=split))
    written = write_records(root, root / "photos", pictures, lambda picture, _: picture.split)

    found = set()
    for split, records in written.items():
        for example in map(tf.train.Example.FromString, records):
            values = example.features.feature
            path, label = (values[name].bytes_list.value[0] for name in ("filename", "label"))
            found.add((path.decode(), label.decode(), split))
    assert found == {(picture.path, picture.label, picture.split) for picture in pictures}
    outcomes = [one.accepted for one in converted(root)]
    assert {(o.filename, o.label, o.split) for o in outcomes} == found
