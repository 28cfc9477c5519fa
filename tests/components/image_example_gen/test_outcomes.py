import json

import pytest

from bitpipe.errors import DataError
from components.image_example_gen import outcomes as module
from components.image_example_gen.listing import Listing
from components.image_example_gen.outcomes import AcceptedFile, RejectedFile, Repeat

SPLITS = ("train", "eval")


def accepted(filename, split="train", sha256=None, changed=False):
    label = filename.partition("/")[0]
    return AcceptedFile(filename, label, split, sha256 or filename, changed)


GOOD = [
    accepted("a/1"),
    accepted("a/2", "eval"),
    accepted("b/1", changed=True),
    accepted("b/2", "eval"),
]


def summarise(outcomes, classes=("a", "b"), moved=(), out=(), **more):
    """The report, of which all files are where they were written unless they are `moved` or `out`.

    Args:
        outcomes: of the shards.
        classes: all that there are.
        moved: filename -> split.
        out: filenames of what becomes no example.
        more: as of `outcomes.summarise`; units are counted by the digests.
    """
    files = [one for one in outcomes if isinstance(one, AcceptedFile) and one.filename not in out]
    splits = {one.key: dict(moved).get(one.filename, one.split) for one in files}
    digests = {label: {one.sha256 for one in files if one.label == label} for label in classes}
    units = {label: len(found) for label, found in digests.items()}
    listing = Listing("DIR", (), classes, 3, 2, found=len(outcomes) + 5, recognised="folders")
    return module.summarise(listing, outcomes, splits, all_splits=SPLITS, units=units, **more)


def check(outcomes, max_rejected_share=0.5, **kwargs):
    module.check(
        summarise(outcomes, **kwargs),
        max_rejected_share=max_rejected_share,
        required_splits=SPLITS,
        rejected_list="NODE/rejected/1/rejected.jsonl",
    )


def test_counts_per_class_and_split():
    facts = json.loads(summarise([*GOOD, RejectedFile("b/3", "why")]).to_json())

    assert facts["num_examples"] == 4
    assert facts["splits"] == {"train": 2, "eval": 2}
    assert facts["classes"] == {"a": {"train": 1, "eval": 1}, "b": {"train": 1, "eval": 1}}
    assert facts["rejected"] == 1
    assert facts["changed"] == 1
    assert facts["loose_files"] == 3
    assert facts["skipped"] == 2


def test_moved_examples_are_counted_where_they_are():
    facts = json.loads(summarise(GOOD, moved={"a/1": "eval"}).to_json())

    assert facts["classes"]["a"] == {"train": 0, "eval": 2}
    assert facts["moved"] == 1


def test_what_is_left_out_is_no_example_and_repeats_are_listed():
    files = [*GOOD, accepted("a/3", sha256="a/1"), accepted("b/9", sha256="a/2")]
    repeats = [
        Repeat("duplicate", ("a/1", "a/3"), ("a/3",)),
        Repeat("conflict", ("a/2", "b/9"), ("a/2", "b/9")),
        Repeat("near-duplicate", ("b/1", "b/2")),
    ]
    report = summarise(files, out=("a/3", "a/2", "b/9"), repeats=repeats)
    facts = json.loads(report.to_json())

    assert facts["num_examples"] == 3
    assert facts["left_out"] == 3
    assert facts["duplicates"] == 2
    assert facts["conflicting_duplicates"] == 1
    assert facts["conflicts"] == [["a/2", "b/9"]]
    assert facts["near_duplicates"] == 1
    lines = [json.loads(line) for line in report.repeated_jsonl().splitlines()]
    assert [line["kind"] for line in lines] == ["conflict", "duplicate", "near-duplicate"]
    assert lines[1] == {"kind": "duplicate", "filenames": ["a/1", "a/3"], "left_out": ["a/3"]}


@pytest.mark.parametrize("found", [8, 10])
def test_a_file_that_is_lost_or_counted_twice_ends_the_run(found):
    listing = Listing("DIR", (), ("a", "b"), 3, 2, found=found)
    splits = {one.key: one.split for one in GOOD}
    with pytest.raises(RuntimeError, match=f"Of {found} files in DIR 9 are accounted for"):
        module.summarise(listing, GOOD, splits, all_splits=SPLITS)


def test_the_report_does_not_depend_on_the_order_of_the_outcomes():
    outcomes = [
        *GOOD,
        accepted("a/9", sha256="b/1"),
        RejectedFile("a/8", "x", "empty"),
        RejectedFile("a/7", "y"),
    ]
    forth, back = summarise(outcomes), summarise(outcomes[::-1])

    assert forth.to_json() == back.to_json()
    assert forth.rejected_jsonl() == back.rejected_jsonl()
    assert [json.loads(line) for line in forth.rejected_jsonl().splitlines()] == [
        {"filename": "a/7", "reason": "y", "kind": "damaged"},
        {"filename": "a/8", "reason": "x", "kind": "empty"},
    ]


def test_a_good_data_set_passes():
    check(GOOD)


@pytest.mark.parametrize(("max_rejected_share", "refused"), [(0.19, True), (0.2, False)])
def test_the_rejected_share_is_of_all_files_and_inclusive(max_rejected_share, refused):
    outcomes = [*GOOD, RejectedFile("b/3", "the file is empty")]
    if not refused:
        check(outcomes, max_rejected_share)
        return
    with pytest.raises(DataError, match=r"1 of 5 .*'b/3': the file is empty.*NODE/rejected/1"):
        check(outcomes, max_rejected_share)


def test_a_number_of_rejected_files_is_a_limit_beside_the_share():
    report = summarise([*GOOD, *(RejectedFile(f"b/{n}", "broken") for n in range(3, 6))])
    facts = {"max_rejected_share": 1.0, "required_splits": SPLITS, "rejected_list": "LIST"}
    module.check(report, max_rejected=3, **facts)
    with pytest.raises(DataError, match=r"At most 2 files .* 3 of 7 in DIR .*data\.max_rejected"):
        module.check(report, max_rejected=2, **facts)
    assert json.loads(report.to_json())["rejected_by_kind"] == {"damaged": 3}


def test_the_rejected_share_is_exact_where_a_product_would_be_rounded():
    outcomes = [RejectedFile(f"a/r{n}", "broken") for n in range(29)]
    outcomes += [accepted(f"{'ab'[n % 2]}/{n}", "train" if n > 9 else "eval") for n in range(71)]
    check(outcomes, 0.29)


def test_only_the_first_three_rejected_files_are_named():
    rejected = [RejectedFile(f"b/{n}", "broken") for n in range(3, 8)]
    with pytest.raises(DataError, match=r"'b/5': broken; and 2 more") as error:
        check([*GOOD, *rejected])
    assert "b/6" not in str(error.value)


@pytest.mark.parametrize(
    ("outcomes", "classes", "expected"),
    [
        ([], (), "no picture in any class folder of DIR"),
        ([RejectedFile("a/1", "the file is empty")], ("a",), "all rejected ('a/1': the file is"),
        (GOOD[:2], ("a",), "only 'a'"),
        (GOOD[:3], ("a", "b"), "'b' with 1 readable picture in DIR; add other pictures"),
        (GOOD, ("a", "b", "c"), "'c' with no readable picture in DIR;"),
        (
            [*GOOD[:2], *(accepted(f"b/{n}", sha256="same") for n in range(20))],
            ("a", "b"),
            "'b' with 20 readable pictures that all belong together in DIR;",
        ),
        (
            [*GOOD[:2], accepted("b/1"), accepted("b/2")],
            ("a", "b", "c"),
            "'b' with 2 readable pictures and none to spare for eval; 'c' with no readable picture",
        ),
        (
            GOOD,
            ("a", "b", *(f"c{n:02}" for n in range(25))),
            "'c19' with no readable picture; and 5 more classes in DIR;",
        ),
    ],
)
def test_a_data_set_without_a_judged_model_is_refused_in_one_line(outcomes, classes, expected):
    with pytest.raises(DataError) as error:
        check(outcomes, 1.0, classes=classes)

    message = str(error.value)
    assert expected in message
    assert "Received: " in message
    assert "\n" not in message
