"""What a person reads of an ingest."""

import io

from pipeline.terminal.ingest import print_report

REPORT = {
    "source": "class folders: 2 with 9 files",
    "num_examples": 2,
    "splits": {"train": 1, "eval": 1, "test": 0},
    "classes": {
        "[ant]": {"train": 1, "eval": 0, "test": 0},
        "bee": {"train": 0, "eval": 1, "test": 0},
    },
    "rejected": [{"filename": f"a/{n}\x1b.jpg", "reason": "it is [empty]"} for n in range(7)],
    "skipped": 1,
    "loose_files": 2,
    "duplicates": 0,
    "conflicting_duplicates": 0,
    "left_out": 0,
    "near_duplicates": 0,
    "found": 12,
    "across_splits": [["a", "b"]],
    "taken_apart": ["bee"],
    "examples": "OUT/examples/1",
    "cached": True,
}


def test_the_report_names_counts_and_the_first_rejected_files():
    stream = io.StringIO()
    print_report(REPORT, stream)
    text = stream.getvalue()
    assert "class folders: 2 with 9 files" in text
    assert "2 (1 train, 1 eval, 0 test) in 2 classes" in text
    assert "rejected  7 files" in text
    assert "a/4\\x1b.jpg: it is [empty]" in text
    assert "a/5" not in text
    assert "and 2 more" in text
    assert "1 group in several splits" in text
    assert "none of: bee" in text
    assert "skipped   3 files" in text
    assert "[ant]      1     0     0" in text
    assert "OUT/examples/1 (from the cache)" in text
