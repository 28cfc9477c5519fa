"""What belongs together is in one split, and every class has a picture on each side."""

import hashlib
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from components.image_example_gen.outcomes import AcceptedFile
from components.image_example_gen.sides import assign, group_key, split_of

REQUIRED = ("train", "eval")
BUCKETS = {"train": 80, "eval": 20}


def digest(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def file(number, label, group=None, split=None, name=None):
    """What a shard notes of a picture."""
    sha256 = digest(number)
    first = split or split_of(group_key(group) if group else sha256, BUCKETS)
    name = name or f"{label}/{number}"
    return AcceptedFile(name, label, first, sha256, False, group, split is not None)


labels = st.sampled_from("abc")
numbers = st.integers(0, 60)  # few, so that classes share some
groups = st.none() | st.sampled_from(["p1", "p2", "p3", "p4"])
given_splits = st.sampled_from([None] * 6 + ["train", "eval", "test"])


@st.composite
def data_sets(draw, max_size=40, given=given_splits, groups=groups, near=True):
    facts = draw(st.lists(st.tuples(numbers, labels, groups, given), max_size=max_size))
    files = [file(*one, name=str(at)) for at, one in enumerate(facts)]
    digests = sorted({one.sha256 for one in files})
    pair = st.tuples(st.sampled_from(digests), st.sampled_from(digests))
    pairs = draw(st.lists(pair, max_size=5)) if near and digests else []
    return files, pairs


def splits_of(files, near=()):
    return assign(files, near, BUCKETS, REQUIRED).splits


@given(data_sets())
def test_every_file_gets_a_split_and_a_given_one_is_kept(data):
    files, near = data
    splits = splits_of(files, near)
    assert splits.keys() == {one.key for one in files}
    assert all(splits[one.key] == one.split for one in files if one.given)


@given(data_sets(given=st.none()))
def test_nothing_that_belongs_together_is_on_both_sides(data):
    files, near = data
    found = assign(files, near, BUCKETS, REQUIRED)
    splits_by = defaultdict(set)
    for one in files:
        splits_by[one.sha256].add(found.splits[one.key])
        splits_by[one.group].add(found.splits[one.key])
    splits_by.pop(None, None)
    assert all(len(splits) == 1 for splits in splits_by.values())
    assert found.across == ()
    label_of = defaultdict(set)
    for one in files:
        label_of[one.sha256].add(one.label)
    for pair in near:
        if not set(found.taken_apart) & {label for one in pair for label in label_of[one]}:
            assert splits_by[pair[0]] == splits_by[pair[1]]


@given(
    st.lists(st.tuples(st.integers(0, 10**6), labels), max_size=60, unique_by=lambda one: one[0]),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=40),
)
def test_a_class_with_two_different_pictures_has_one_on_each_side(pictures, pairs):
    files = [file(*one) for one in pictures]
    near = [
        (files[i].sha256, files[j].sha256) for i, j in pairs if max(i, j) < len(files) and i != j
    ]
    splits = splits_of(files, near)
    for label in {one.label for one in files}:
        mine = [splits[one.key] for one in files if one.label == label]
        assert len(mine) < 2 or set(mine) == {"train", "eval"}


@given(data_sets())
def test_a_class_lacks_a_side_only_where_nothing_can_be_spared(data):
    files, near = data
    found = assign(files, near, BUCKETS, REQUIRED)
    for label in {one.label for one in files}:
        mine = [one for one in files if one.label == label]
        sides = {found.splits[one.key] for one in mine}
        free = {one.sha256 for one in mine if not one.given}
        shared = {one.sha256 for one in files if one.label != label}
        grouped = {one.sha256 for one in files if one.group or one.given}
        spare = free - shared - grouped  # bound to nothing but to what looks like them
        if len(spare) >= 2:
            assert set(REQUIRED) <= sides, (label, sides)


@given(data_sets(), st.randoms())
def test_the_order_of_files_never_matters(data, random):
    files, near = data
    one = assign(files, near, BUCKETS, REQUIRED)
    other = assign(
        random.sample(files, len(files)), random.sample(near, len(near)), BUCKETS, REQUIRED
    )
    assert one == other


@given(data_sets(near=False, groups=st.none(), given=st.none()), numbers, labels)
def test_a_picture_more_moves_one_other_of_a_class_at_most(data, number, label):
    files, _ = data
    files = [replace(one, filename=f"{one.label}/{one.sha256}") for one in files]
    files = list({one.key: one for one in files if one.label == label}.values())
    before = splits_of(files)
    after = splits_of([*files, file(number, label, name="new")])
    assert sum(after[key] != split for key, split in before.items()) <= 1


@given(st.lists(st.tuples(st.integers(100, 999), labels), unique=True, max_size=30), st.data())
def test_no_picture_changes_sides_where_every_class_has_both(more, data):
    # Enough of each class on both sides, so that nothing has to fill in.
    files = [file(number, label) for label in "abc" for number in range(12)]
    files = [replace(one, sha256=digest(one.filename)) for one in files]
    files = [replace(one, split=split_of(one.sha256, BUCKETS)) for one in files]
    grouped = [file(f"g{n}", "abc"[n % 3], group=f"patient {n // 4}") for n in range(12)]
    before = splits_of([*files, *grouped])
    assert {(one.label, before[one.key]) for one in files} == {
        (label, split) for label in "abc" for split in REQUIRED
    }
    added = [file(*one, group=data.draw(groups)) for one in more]
    added += [file(f"g{n}", "a", group=f"patient {n % 3}") for n in range(20, 26)]
    after = splits_of([*files, *grouped, *added])
    assert all(after[key] == split for key, split in before.items())


def test_a_group_is_where_its_name_says_whatever_is_in_it():
    one = splits_of([file(n, "a", group="p1") for n in range(5)] + [file(9, "b")])
    other = splits_of([file(n, "a", group="p1") for n in range(20, 60)] + [file(9, "b")])
    assert {split for (_, label), split in one.items() if label == "a"} == {
        split for (_, label), split in other.items() if label == "a"
    }


def test_the_smallest_part_of_a_class_fills_in():
    names = (f"patient {n}" for n in range(100))
    one, other = [name for name in names if split_of(group_key(name), BUCKETS) == "train"][:2]
    large = [file(n, "a", group=one) for n in range(20)]
    small = [file(n, "a", group=other) for n in range(20, 23)]
    assert {one.split for one in large} | {one.split for one in small} == {"train"}
    splits = splits_of([*large, *small])
    assert {splits[one.key] for one in large} == {"train"}
    assert {splits[one.key] for one in small} == {"eval"}


def test_pictures_that_look_the_same_give_way_to_a_class_without_a_side():
    files = [file(n, "a") for n in range(6)] + [file(n, "b") for n in range(20, 40)]
    chain = [(digest(n), digest(n + 1)) for n in range(5)]
    found = assign(files, chain, BUCKETS, REQUIRED)
    assert found.taken_apart == ("a",)
    assert {found.splits[one.key] for one in files[:6]} == {"train", "eval"}


def test_what_is_given_to_several_splits_is_told_and_left_there():
    files = [file(1, "a", split="train", name="x"), file(1, "a", split="eval", name="y")]
    files += [file(1, "b", name="z")]
    found = assign(files, [], BUCKETS, REQUIRED)
    assert found.across == (("x", "y", "z"),)
    assert found.splits == {("x", "a"): "train", ("y", "a"): "eval", ("z", "b"): "eval"}


def test_what_looks_like_a_test_picture_is_kept_out_of_training_with_it():
    files = [file(1, "a", split="test"), *(file(n, "a") for n in range(2, 9))]
    splits = splits_of(files, [(digest(1), digest(2))])
    assert splits[files[1].key] == "test"


@pytest.mark.tfx
def test_splits_are_those_of_the_hash_buckets_of_tfx():
    import tensorflow as tf
    from tfx.components.example_gen import base_example_gen_executor
    from tfx.proto import example_gen_pb2

    for buckets in ({"train": 4, "eval": 1}, {"train": 1, "eval": 2, "x": 3}):
        config = example_gen_pb2.SplitConfig(partition_feature_name="sha256")
        for name, count in buckets.items():
            config.splits.add(name=name, hash_buckets=count)
        ends = [sum(list(buckets.values())[: n + 1]) for n in range(len(buckets))]
        for number in range(300):
            example = tf.train.Example()
            example.features.feature["sha256"].bytes_list.value.append(digest(number).encode())
            index = base_example_gen_executor._PartitionFn(example, len(ends), ends, config)
            assert split_of(digest(number), buckets) == list(buckets)[index]
