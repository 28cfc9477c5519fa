"""Every class with two different pictures has one on each side, and few change sides for it."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.outcomes import AcceptedFile
from components.image_example_gen.sides import moves

REQUIRED = ("train", "eval")
# As few pictures as can be, so that classes share some.
digests = st.integers(0, 40).map(lambda n: hashlib.sha256(bytes([n])).hexdigest())
labels = st.sampled_from("abcd")
classes = st.lists(st.tuples(labels, digests), max_size=40)


def by_hash(digest, splits=("train", "train", "train", "train", "eval")):
    return splits[int(digest, 16) % len(splits)]


def files(pairs, splits=("train", "train", "train", "train", "eval")):
    return [
        AcceptedFile(f"{label}/{n}", label, by_hash(digest, splits), digest, False)
        for n, (label, digest) in enumerate(pairs)
    ]


def sides_of(found, moved):
    """label -> split -> digests."""
    sides = {}
    for file in found:
        split = moved.get(file.sha256, file.split)
        sides.setdefault(file.label, {}).setdefault(split, set()).add(file.sha256)
    return sides


@given(st.lists(st.tuples(labels, st.integers(0, 2**31)), max_size=40, unique_by=lambda p: p[1]))
def test_a_class_with_two_different_pictures_has_one_on_each_side(pairs):
    found = files([(label, hashlib.sha256(str(n).encode()).hexdigest()) for label, n in pairs])
    for sides in sides_of(found, moves(found, REQUIRED)).values():
        assert sum(map(len, sides.values())) < 2 or all(sides.get(split) for split in REQUIRED)


@given(classes, st.sampled_from([("train", "eval"), ("train", "eval", "test")]))
def test_no_class_loses_a_side_and_only_those_without_one_are_touched(pairs, splits):
    found = files(pairs, splits)
    moved = moves(found, REQUIRED)
    before, after = sides_of(found, {}), sides_of(found, moved)
    for label, sides in before.items():
        for split in REQUIRED:
            assert not sides.get(split) or after[label].get(split)
    if all(sides.get(split) for sides in before.values() for split in REQUIRED):
        assert not moved
    assert all(by_hash(digest, splits) != split for digest, split in moved.items())


@given(classes, st.randoms())
def test_the_order_and_the_names_of_files_never_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    assert moves(files(pairs), REQUIRED) == moves(files(shuffled), REQUIRED)


@given(st.sets(digests, max_size=20), digests)
def test_a_picture_more_moves_one_other_of_its_class_at_most(some, added):
    def split(pictures):
        found = files([("a", digest) for digest in sorted(pictures)])
        moved = moves(found, REQUIRED)
        return {file.sha256: moved.get(file.sha256, file.split) for file in found}

    before, after = split(some), split(some | {added})
    assert sum(after[digest] != side for digest, side in before.items()) <= 1


@given(classes, st.integers(0, 40))
def test_a_picture_with_a_split_of_its_own_keeps_it_with_its_copies(pairs, fixed):
    found = files(pairs)
    names = {file.filename for file in found[fixed:]}
    kept = {file.sha256 for file in found[fixed:]}
    assert not kept & moves(found, REQUIRED, names).keys()


def test_a_class_of_copies_is_left_as_it_is():
    assert moves(files([("a", "0")] * 20), REQUIRED) == {}


def test_a_shared_picture_is_not_taken_from_a_class_that_has_no_other():
    # Both would like to have another side; what the one gives away, the other loses.
    assert moves(files([("a", "0"), ("b", "0")]), REQUIRED) == {}
    assert moves(files([("a", "0"), ("b", "0"), ("a", "1"), ("b", "2")]), REQUIRED) == {"0": "eval"}
