import pytest

from bitpipe.errors import DataError
from components.image_example_gen.outcomes import AcceptedFile, Repeat
from components.image_example_gen.repeats import find, together


def file(name, sha256, split="train", given=False):
    return AcceptedFile(name, name[0], split, sha256, False, None, given)


TWINS = [file("a/1", "same"), file("a/2", "same"), file("a/3", "other")]
BOTH = [file("a/1", "same"), file("b/1", "same"), file("a/2", "same")]


def test_one_of_equal_pictures_of_a_class_is_kept():
    found, left_out = find(TWINS, "drop", "drop")
    assert found == [Repeat("duplicate", ("a/1", "a/2"), ("a/2",))]
    assert left_out == {("a/2", "a")}


def test_all_of_them_can_be_kept():
    found, left_out = find(TWINS, "keep", "drop")
    assert found == [Repeat("duplicate", ("a/1", "a/2"))]
    assert left_out == set()


def test_a_picture_in_two_classes_is_left_out_of_both():
    found, left_out = find(BOTH, "drop", "drop")
    assert found == [Repeat("conflict", ("a/1", "a/2", "b/1"), ("a/1", "a/2", "b/1"))]
    assert left_out == {("a/1", "a"), ("a/2", "a"), ("b/1", "b")}


def test_it_can_be_kept_in_both_once():
    found, left_out = find(BOTH, "drop", "keep")
    assert [one.kind for one in found] == ["conflict", "duplicate"]
    assert left_out == {("a/2", "a")}


def test_or_stop_the_run():
    with pytest.raises(DataError, match="Received: a/1 = a/2 = b/1; correct the labels"):
        find(BOTH, "drop", "error")
    find(TWINS, "drop", "error")


@pytest.mark.parametrize("splits", [("train", "eval"), ("eval", "test"), ("train", "test")])
def test_of_copies_in_given_splits_the_one_that_judges_is_kept(splits):
    less, more = splits
    files = [file("a/1", "same", less, given=True), file("a/2", "same", more, given=True)]
    _, left_out = find(files, "drop", "drop")
    assert left_out == {("a/1", "a")}


def test_a_given_picture_is_kept_before_one_whose_split_the_hash_chose():
    files = [file("a/1", "same", "eval"), file("a/2", "same", "train", given=True)]
    assert find(files, "drop", "drop")[1] == {("a/1", "a")}


def test_pairs_that_hang_together_are_listed_once():
    files = [file(f"a/{digest}", digest) for digest in "uvwxyz"]
    assert together(files, [("u", "v"), ("v", "w"), ("y", "x")]) == [
        Repeat("near-duplicate", ("a/u", "a/v", "a/w")),
        Repeat("near-duplicate", ("a/x", "a/y")),
    ]
