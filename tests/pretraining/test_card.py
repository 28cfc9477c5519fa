"""The card's numbers come from the record, and only they change."""

import pytest

from bitpipe.errors import ConfigError
from pretraining import card, records

TEXT = "".join(
    f"# {name}\n<!-- {name} -->\nold\n<!-- /{name} -->\nby hand\n"
    for name in ("facts", "scores", "curve", "recipes")
)


def point(seen, size=48):
    held_out = {"agreement": 0.25, "top1": 0.3456, "top5": 0.6, "divergence": 2.5}
    return {"seen": seen, "size": size, "core_hours": seen / 1000, "held_out": held_out}


@pytest.fixture
def record():
    run = {
        "date": "2020-01-02",
        "variant": "R26x0.5",
        "weights": 4517768,
        "bytes": 9000000,
        "sha256": "ab" * 32,
        "sources": {"one.zip": 60, "two.zip": 40},
        "held_out": 2,
        "views": 196,
        "hardware": "2 cores, some processor",
        "seen": 1960,
        "hours": 1.5,
        "core_hours": 2.25,
        "settings": {
            "batch": 128,
            "weight_decay": 5e-5,
            "targets": {"labels": 0.25, "mixup": 0.2},
            "schedule": {
                "rate": 0.2,
                "warmup": 100,
                "sizes": [[48, 1000], [64, 9000]],
                "cooldown_start": 1860,
                "cooldown": 100,
                "cooldown_size": 128,
            },
        },
        "curve": [point(seen) for seen in range(100, 1900, 100)] + [point(1960, 128)],
    }
    probe = {"top1": 0.87654, "spread": 0.0, "draws": 1}
    return {
        "run": run,
        "check": {"difference": 1.234e-5},
        "probes": {
            "tf_flowers": {"128": probe, "192": probe | {"top1": 0.9}},
            "cifar10": {"64": {"top1": 0.6, "spread": 0.01, "draws": 5}},
        },
        "scratch": {"tf_flowers": 0.5, "rounds": 20, "size": 64},
    }


def test_every_number_of_the_card_comes_from_the_record(record):
    text = card.update(TEXT, record)
    for expected in (
        "| pictures | 100: one.zip 60; two.zip 40 |",
        "| pictures seen | 1,960, which is 10.0 rounds |",
        "| sizes | 48 px until 1,000, then 128 px |",
        "| target | 75% teacher, 25% true label |",
        "cooled down over the last 100 at 128 px",
        "| hours | 1.50 of the clock, 2.25 of one core |",
        "| largest difference from Keras' logits | 1.2e-05 |",
        "| held out, top-1 of 1,000, 128 px | 0.346 |  | 0.35 (0.45) |",
        "| linear probe, tf_flowers, 80/20, 128 px | 0.877 | 0.500 | 0.86 (0.90) |",
        "| linear probe, tf_flowers, 80/20, 192 px | 0.900 | 0.500 | 0.86 (0.90) |",
        "| linear probe, CIFAR-10, 25 a class, 64 px | 0.600 ± 0.010 |  | 0.58 (0.65) |",
        "Not compared yet.",
    ):
        assert expected in text


def test_text_by_hand_stays_and_writing_again_changes_nothing(record):
    text = card.update(TEXT, record)
    assert "old" not in text
    assert text.count("by hand") == 4
    assert card.update(text, record) == text


def test_a_long_curve_is_thinned_and_keeps_its_end(record):
    text = card.update(TEXT, record)
    rows = [line for line in text.splitlines() if line.endswith("| 2.50 |")]
    assert 5 < len(rows) <= card.CURVE_ROWS
    assert rows[-1].startswith("| 1,960 | 128 |")


def test_recipes_are_compared_in_their_order(record):
    row = {
        **{"name": "teacher", "variant": "R26x0.5", "labels": 0.0, "batch": 128, "rate": 0.2},
        **{"seen": 40000, "core_hours": 0.05, "tf_flowers": 0.61},
        "held_out": point(0)["held_out"],
    }
    text = card.update(TEXT, record | {"recipes": [row, row | {"name": "labels", "labels": 1.0}]})
    rows = [line for line in text.splitlines() if line.endswith("| 0.610 |")]
    assert rows[0].startswith("| teacher | R26x0.5 | 0% | 128 | 0.2 | 40,000 | 0.05 | 0.250 |")
    assert rows[1].startswith("| labels | R26x0.5 | 100% |")


def test_a_card_without_a_marker_is_refused(record):
    with pytest.raises(ConfigError, match=r"<!-- curve --> .* Received: 0"):
        card.update(TEXT.replace("<!-- curve -->", ""), record)


def test_a_part_of_a_record_replaces_its_predecessor_only(tmp_path):
    weights = tmp_path / "weights.npz"
    assert records.read(weights) == {}
    records.write(weights, "check", {"difference": 1})
    records.write(weights, "probes", {"a": 1})
    records.write(weights, "check", {"difference": 2})
    assert records.read(weights) == {"check": {"difference": 2}, "probes": {"a": 1}}
