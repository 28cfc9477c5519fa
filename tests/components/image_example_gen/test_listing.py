import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bitpipe.errors import DataError
from components.image_example_gen.listing import ListedPicture, Listing

# As Python has them that come from a file system: a byte that is no UTF-8 is half a surrogate pair.
paths = st.text(st.characters() | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))
labels = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
records = st.builds(
    ListedPicture,
    path=paths,
    label=labels,
    split=st.none() | st.sampled_from(["train", "eval"]),
    size=st.integers(0, 2**40),
    mtime_ns=st.integers(0, 2**62),
    source=st.just("test"),
    stamp=st.none() | st.tuples(st.integers(0, 2**62), st.integers(0, 2**62)),
)
RECORD = ListedPicture("a/1.jpg", "a", None, 1, 1, "test")


@given(st.lists(records, unique_by=lambda record: record.path), st.randoms())
def test_the_order_in_which_pictures_are_found_never_matters(found, random):
    shuffled = random.sample(found, len(found))
    one, other = Listing("DIR", tuple(found)), Listing("DIR", tuple(shuffled))

    assert one == other
    assert one.fingerprint() == other.fingerprint()


@given(st.lists(records))
def test_records_are_kept_as_they_are_and_their_labels_are_the_classes(found):
    listing = Listing("DIR", tuple(found), classes=("announced",))

    assert sorted(map(repr, listing.pictures)) == sorted(map(repr, found))
    assert list(listing.classes) == sorted({"announced", *(record.label for record in found)})


@given(st.lists(records, max_size=3), st.lists(records, max_size=3))
def test_the_fingerprint_is_equal_exactly_when_all_records_are(some, others):
    one, other = Listing("DIR", tuple(some)), Listing("DIR", tuple(others))

    assert (one.fingerprint() == other.fingerprint()) == (one.pictures == other.pictures)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "a/2.jpg"},
        {"label": "b"},
        {"split": "train"},
        {"split": "None"},
        {"size": 2},
        {"mtime_ns": 2},
        {"source": "other"},
        {"stamp": (1, 2)},
    ],
)
def test_the_fingerprint_covers(change):
    # The classes stay the same, so that only the record tells.
    classes = ("a", "b")
    before = Listing("DIR", (RECORD,), classes).fingerprint()
    assert Listing("DIR", (replace(RECORD, **change),), classes).fingerprint() != before


def test_the_fingerprint_covers_a_class_without_pictures():
    assert (
        Listing("DIR", (RECORD,), ("b",)).fingerprint() != Listing("DIR", (RECORD,)).fingerprint()
    )


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("", "not be blank"),
        (" ", "not be blank"),
        ("a\nb", "fit on one line"),
        ("a\rb", "fit on one line"),
        (os.fsdecode(b"caf\xe9"), "valid UTF-8"),
    ],
)
def test_a_label_that_no_vocabulary_can_hold_is_refused(label, rule):
    with pytest.raises(DataError, match=rule) as error:
        Listing("DIR", (replace(RECORD, label=label),))
    assert "\n" not in str(error.value)
    assert "Received: '" in str(error.value)


def test_a_refused_label_is_shown_as_its_owner_wrote_it():
    with pytest.raises(DataError, match=r"Received: 'São\\nPaulo' in DIR"):
        Listing("DIR", (replace(RECORD, label="São\nPaulo"),))
