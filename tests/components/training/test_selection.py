"""Which pictures are trained on, drawn for few shots, held out, and what each of them counts."""

import collections
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import TrainSettings
from components.training import selection

ROWS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40).map(
    lambda labels: [(label, f"{i:03}".encode()) for i, label in enumerate(labels)]
)


@given(rows=ROWS, per_class=st.integers(1, 10), seed=st.integers(0, 5))
def test_a_draw_takes_min_of_k_and_what_is_there(rows, per_class, seed):
    chosen = list(itertools.compress(rows, selection.draw(rows, per_class, seed)))
    there = collections.Counter(label for label, _ in rows)
    took = collections.Counter(label for label, _ in chosen)
    assert took == {label: min(per_class, count) for label, count in there.items()}


@given(rows=ROWS, seed=st.integers(0, 5), data=st.data())
def test_a_draw_does_not_depend_on_the_order_of_the_records(rows, seed, data):
    shuffled = data.draw(st.permutations(rows))
    first = set(itertools.compress(rows, selection.draw(rows, 3, seed)))
    assert set(itertools.compress(shuffled, selection.draw(shuffled, 3, seed))) == first


PICTURES = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 30)), max_size=60)


@given(pictures=PICTURES, common=st.integers(0, 30), share=st.floats(0.01, 0.5), data=st.data())
def test_a_share_of_each_class_is_held_out_and_never_a_whole_class(pictures, common, share, data):
    """Pictures below `common` are equal in all classes, as `data.conflicts=keep` leaves them."""
    rows = [
        (label, f"{label.decode() * (number >= common)}{number:03}".encode())
        for label, number in pictures
    ]
    taken = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    held_out = selection.hold_out(rows, taken, share)
    assert not any(out and not is_taken for out, is_taken in zip(held_out, taken, strict=True))
    sides = {digest: set() for _, digest in rows}
    by_label = collections.defaultdict(set)
    for (label, digest), is_taken, out in zip(rows, taken, held_out, strict=True):
        if is_taken:
            sides[digest].add(out)
            by_label[label].add(digest)
    assert all(len(both) < 2 for both in sides.values())  # equal pictures on one side
    trained = {label: {d for d in by_label[label] if sides[d] == {False}} for label in by_label}
    assert all(trained.values())
    for label, digests in by_label.items():
        out = len(digests - trained[label])
        wanted = min(len(digests) - 1, max(1, round(share * len(digests))))
        if not any(digests & others for one, others in by_label.items() if one != label):
            assert out == wanted
        elif out < wanted:  # each one that is left is the last of some class
            assert all({digest} in trained.values() for digest in trained[label])


def test_a_picture_of_two_classes_is_trained_on_where_one_of_them_has_no_other():
    rows = [(b"a", b"1"), (b"a", b"2"), (b"b", b"1")]
    assert selection.hold_out(rows, [True] * 3, 0.5) == [False, True, False]
    rows = [(b"a", b"1"), (b"a", b"2"), (b"b", b"2")]
    assert selection.hold_out(rows, [True] * 3, 0.5) == [True, False, False]


def test_another_picture_moves_few_between_the_sides():
    rows = [(b"a", f"{number}".encode()) for number in range(100)]
    before = selection.hold_out(rows[:99], [True] * 99, 0.2)
    after = selection.hold_out(rows, [True] * 100, 0.2)
    assert sum(one != other for one, other in zip(before, after[:99], strict=True)) <= 1


def test_records_are_dealt_out_by_the_settings(train_files):
    everything = selection.select(train_files, TrainSettings())
    assert (everything.num_trained, everything.num_held_out) == (33, 0)
    assert everything.counts() == {b"green": 12, b"red": 11, b"blue": 10}
    settings = TrainSettings(examples_per_class=4, keep_best=True, held_out_share=0.25)
    dealt = selection.select(train_files, settings)
    assert dealt.counts() == {b"green": 3, b"red": 3, b"blue": 3}
    assert dealt.num_held_out == 3


def test_balanced_classes_weigh_the_same_in_sum_and_a_picture_1_on_average(train_files):
    dealt = selection.select(train_files, TrainSettings())
    weights = selection.class_weights(dealt, ["green", "red", "blue", "none of these"])
    np.testing.assert_allclose(weights[:3] * [12, 11, 10], 11)
    assert weights[3] == 1
    assert weights[:3] @ [12, 11, 10] == pytest.approx(33)
