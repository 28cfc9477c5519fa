"""Writes measured numbers into the model card, between markers; what is around them is by hand.

A marker is a comment of its own line, `<!-- NAME -->` before and `<!-- /NAME -->` behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from bitpipe.errors import ConfigError

CURVE_ROWS = 12  # a curve of hundreds of points says no more in a table
# What the issue asks for, and what it would like to see.
GOALS = {"tf_flowers": (0.86, 0.90), "cifar10": (0.58, 0.65), "ants_bees": (0.85, 0.90)}
GOAL_TOP1 = (0.35, 0.45)
_RECIPE = ("recipe", "network", "labels", "batch", "rate", "seen", "core hours")
NAMES = {
    "tf_flowers": "tf_flowers, 80/20",
    "cifar10": "CIFAR-10, 25 a class",
    "ants_bees": "ants and bees",
}


def update(text: str, record: dict[str, Any]) -> str:
    """The card with the numbers of a record of `pretraining.records`.

    Raises:
        ConfigError: the card lacks a marker.
    """
    run = record["run"]
    sections = {
        "facts": _facts(run, record.get("check", {})),
        "curve": _curve(run["curve"]),
        "scores": _scores(record),
        "recipes": _recipes(record.get("recipes", [])),
    }
    for name, section in sections.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            pattern,
            _between(section),
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ConfigError(
                f"the card must have <!-- {name} --> and <!-- /{name} --> once. Received: {count}."
            )
    return text


def _between(section: str) -> Callable[[re.Match[str]], str]:
    # A function, because a section's backslashes are not to be read as a replacement's.
    return lambda match: f"{match[1]}{section}\n{match[2]}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _facts(run: dict[str, Any], check: dict[str, Any]) -> str:
    settings = run["settings"]
    schedule, targets = settings["schedule"], settings["targets"]
    sizes = [f"{size} px until {end:,}" for size, end in schedule["sizes"] if end < run["seen"]]
    sizes += [f"{point['size']} px" for point in run["curve"][-1:]]
    sources = "; ".join(f"{name} {count:,}" for name, count in run["sources"].items())
    rows = [
        ["network", f"{run['variant']}, {run['weights']:,} weights with its head"],
        ["file", f"{run['bytes']:,} bytes, sha256 `{run['sha256']}`"],
        ["written", run["date"]],
        ["pictures", f"{sum(run['sources'].values()):,}: {sources}"],
        ["held out of them", f"{run['held_out']:,}"],
        ["views answered by the teacher", f"{run['views']:,} in all"],
        ["pictures seen", f"{run['seen']:,}, which is {run['seen'] / run['views']:.1f} rounds"],
        ["sizes", ", then ".join(sizes)],
        ["target", f"{1 - targets['labels']:.0%} teacher, {targets['labels']:.0%} true label"],
        ["MixUp", f"alpha {targets['mixup']}"],
        [
            "optimiser",
            f"SGD, Nesterov momentum 0.9, batch {settings['batch']}, rate {schedule['rate']}, "
            f"weight decay {settings['weight_decay']}",
        ],
        ["schedule", f"warm-up {schedule['warmup']:,} pictures, stable, {_cooldown(schedule)}"],
        ["hours", f"{run['hours']:.2f} of the clock, {run['core_hours']:.2f} of one core"],
        ["hardware", run["hardware"]],
    ]
    if check:
        rows.append(["largest difference from Keras' logits", f"{check['difference']:.1e}"])
    return table(["what", "measured"], rows)


def _cooldown(schedule: dict[str, Any]) -> str:
    if schedule["cooldown_start"] is None:
        return "not cooled down"
    return f"cooled down over the last {schedule['cooldown']:,} at {schedule['cooldown_size']} px"


def _curve(curve: Sequence[dict[str, Any]]) -> str:
    step = max(1, -(-len(curve) // CURVE_ROWS))
    points = [*curve[step - 1 : -1 : step], *curve[-1:]]
    return table(
        ["seen", "px", "core hours", "agreement", "top-1", "top-5", "divergence, nats"],
        [
            [
                f"{point['seen']:,}",
                str(point["size"]),
                f"{point['core_hours']:.2f}",
                *(f"{point['held_out'][name]:.3f}" for name in ("agreement", "top1", "top5")),
                f"{point['held_out']['divergence']:.2f}",
            ]
            for point in points
        ],
    )


def _scores(record: dict[str, Any]) -> str:
    last = record["run"]["curve"][-1]
    held_out = last["held_out"]
    rows = [
        ["held out, agreement with the teacher", f"{held_out['agreement']:.3f}", "", ""],
        [
            f"held out, top-1 of 1,000, {last['size']} px",
            f"{held_out['top1']:.3f}",
            "",
            _goal(*GOAL_TOP1),
        ],
        ["held out, top-5 of 1,000", f"{held_out['top5']:.3f}", "", ""],
    ]
    scratch = record.get("scratch", {})
    for name, by_size in record.get("probes", {}).items():
        for size, score in by_size.items():
            spread = f" ± {score['spread']:.3f}" if score["draws"] > 1 else ""
            before = f"{scratch[name]:.3f}" if name in scratch else ""
            title = f"linear probe, {NAMES[name]}, {size} px"
            rows.append([title, f"{score['top1']:.3f}{spread}", before, _goal(*GOALS[name])])
    return table(["what", "bit-mini", "from scratch", "goal (stretch)"], rows)


def _goal(goal: float, stretch: float) -> str:
    return f"{goal:.2f} ({stretch:.2f})"


def _recipes(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "Not compared yet."
    held = ("agreement", "top1", "top5")
    return table(
        [*_RECIPE, "agreement", "top-1", "top-5", "tf_flowers"],
        [
            [
                row["name"],
                row["variant"],
                f"{row['labels']:.0%}",
                str(row["batch"]),
                str(row["rate"]),
                f"{row['seen']:,}",
                f"{row['core_hours']:.2f}",
                *(f"{row['held_out'][name]:.3f}" for name in held),
                f"{row['tf_flowers']:.3f}",
            ]
            for row in rows
        ],
    )
