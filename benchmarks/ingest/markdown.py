"""What was measured, as a page of the documentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

# Ratios that are to be reached.
_LEAST_OF_PLAIN, _LEAST_OF_TWO, _MOST_OF_FIRST, _MOST_MB = 0.9, 1.7, 0.05, 1024


def page(found: dict[str, Any]) -> str:
    """The whole page.

    Args:
        found: of `benchmarks.ingest.__main__`.
    """
    sets = found["sets"]
    rows: list[tuple[str, Callable[[dict[str, float]], str]]] = [
        ("pictures of the first run", lambda one: f"{one['pictures']:,.0f}"),
        ("plain loop, pictures/s", lambda one: _rate(one["pictures"], one["plain_s"])),
        ("copying the bytes, pictures/s", lambda one: _rate(one["pictures"], one["copy_s"])),
        ("ingest, `data.workers=1`, pictures/s", lambda one: _rate(one["pictures"], _first(one))),
        (
            "ingest, `data.workers=2`, pictures/s",
            lambda one: _rate(one["pictures"], one["first_s_2"]),
        ),
        (
            f"one process to the plain loop (goal: {_LEAST_OF_PLAIN})",
            lambda one: _judged(one["plain_s"] / _first(one), _LEAST_OF_PLAIN),
        ),
        (
            "the same by processor time",
            lambda one: f"{one['plain_cpu_s'] / one['first_cpu_s_1']:.2f}",
        ),
        (
            f"two processes to one (goal: {_LEAST_OF_TWO})",
            _two_to_one,
        ),
        ("processor time of two processes to one", _share_of_cpu),
        *(
            (
                f"memory above the imports, `data.workers={workers}` (goal: {_MOST_MB} MB)",
                partial(_memory, f"memory_mb_{workers}"),
            )
            for workers in (1, 2)
        ),
        ("the next night: new pictures", lambda one: f"{one['added_1']:,.0f}"),
        (
            f"the next night to the first run (goal: {_MOST_OF_FIRST:.0%})",
            lambda one: (
                f"{one['nightly_s_1']:.1f} s, {one['nightly_s_1'] / _first(one):.1%}"
                f"{_mark(one['nightly_s_1'] <= _MOST_OF_FIRST * _first(one))}"
            ),
        ),
        ("nothing new, the whole call", lambda one: f"{one['unchanged_s_1']:.1f} s"),
        ("StatisticsGen, a picture", lambda one: _each(one, "StatisticsGen_s_1")),
        ("Transform, a picture", lambda one: _each(one, "Transform_s_1")),
        ("bare `tf.data` map that decodes, a picture", lambda one: _each(one, "map_s_1")),
    ]
    lines = [
        "# The ingest, measured",
        "",
        "Written by the tool; ratios are what counts, of one run on one machine.",
        "",
        "```",
        str(found["command"]),
        "```",
        "",
        f"{found['machine']}, {found['date']}. Loading TensorFlow and TFX is not counted, TFX's "
        "driver and publisher are. The plain loop is one thread that makes the same checks and "
        "writes the same records, without duplicates, splits and reports. Memory is that of all "
        "processes, with what further ones import.",
        "",
        f"| | {' | '.join(sets)} |",
        f"|---|{'---|' * len(sets)}",
        *(f"| {text} | {' | '.join(tell(one) for one in sets.values())} |" for text, tell in rows),
    ]
    return "\n".join(lines) + "\n"


def _first(one: dict[str, float]) -> float:
    return one["first_s_1"]


def _two_to_one(one: dict[str, float]) -> str:
    if one["processes_2"] < 2:
        return "not worth a second one"
    return _judged(_first(one) / one["first_s_2"], _LEAST_OF_TWO)


def _memory(key: str, one: dict[str, float]) -> str:
    return f"{one[key]:.0f} MB{_mark(one[key] <= _MOST_MB)}"


def _share_of_cpu(one: dict[str, float]) -> str:
    return f"{one['first_cpu_s_2'] / one['first_cpu_s_1']:.2f}"


def _rate(count: float, seconds: float) -> str:
    return f"{count / seconds:,.0f}"


def _each(one: dict[str, float], key: str) -> str:
    return f"{1e6 * one[key] / one['mapped_1']:,.0f} µs"


def _judged(ratio: float, least: float) -> str:
    return f"{ratio:.2f}{_mark(ratio >= least)}"


def _mark(reached: bool) -> str:
    return " ✓" if reached else " ✗"
