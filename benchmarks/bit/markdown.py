"""Results for the terminal, for docs/benchmarks.md and for other programs."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bit.comparison import Result
from benchmarks.bit.process import KERAS, PYTORCH
from benchmarks.kit.rounds import Goal, fastest

_COLUMNS = ("", "median", "middle half", "images/s", "speed", "ours")


def heading(machine: str, results: Sequence[Result]) -> str:
    """Machine, versions and date, in one line."""
    versions: dict[str, str] = {}
    for result in results:
        versions |= result.versions
    frameworks = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return f"{machine}; {frameworks}; {datetime.date.today().isoformat()}"


def show(console: Console, machine: str, results: Sequence[Result]) -> None:
    """Prints tables, who was left out, and goals."""
    console.print(heading(machine, results), highlight=False)
    for result in results:
        table = Table(title=title(result), title_justify="left")
        for number, column in enumerate(_COLUMNS):
            table.add_column(column, justify="right" if number else "left")
        for cells in _lines(result):
            table.add_row(*cells)
        console.print(table)
        console.print(legend(result), highlight=False, markup=False)
        for name, reason in result.left_out.items():
            console.print(f"{name}: left out, {reason}.", highlight=False, markup=False)
        for goal in result.goals:
            console.print(goal_line(goal), highlight=False, markup=False)


def markdown(machine: str, results: Sequence[Result]) -> str:
    """The same, to be pasted into docs/benchmarks.md."""
    lines = [heading(machine, results), ""]
    for result in results:
        lines += [f"**{title(result)}**", "", _markdown_line(_COLUMNS)]
        lines.append("|---|" + "---:|" * (len(_COLUMNS) - 1))
        lines += [_markdown_line(cells) for cells in _lines(result)]
        lines += ["", legend(result) + ".", ""]
        lines += [f"- {name}: left out, {reason}." for name, reason in result.left_out.items()]
        lines += [f"- {goal_line(goal)}" for goal in result.goals]
        lines.append("")
    return "\n".join(lines)


def as_json(machine: str, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured; seconds of every iteration in the order they were taken."""
    return {
        "machine": machine,
        "date": datetime.date.today().isoformat(),
        "rows": [
            {
                "name": result.row.name,
                "variant": result.task.variant,
                "image_size": result.task.image_size,
                "batch": result.task.batch,
                "training": result.task.training,
                "versions": dict(result.versions),
                "seconds": {name: list(values) for name, values in result.seconds.items()},
                "median_seconds": result.medians,
                "left_out": dict(result.left_out),
                "goals": [
                    {"goal": goal.text, "least": goal.least, "ratio": goal.ratio, "met": goal.met}
                    for goal in result.goals
                ],
            }
            for result in results
        ],
    }


def title(result: Result) -> str:
    """What was computed, above the table."""
    task = result.task
    return f"{task.variant} at {task.image_size} px, {result.row.title}, batch {task.batch}"


def goal_line(goal: Goal) -> str:
    """Whether a goal was met, and by how much."""
    wanted = "faster" if goal.least == 1 else f"at least {goal.least:g} times as fast"
    if goal.ratio is None:
        return f"goal: {goal.text}, {wanted}: not judged, it did not run"
    return f"goal: {goal.text}, {wanted}: {'yes' if goal.met else 'NO'}, {goal.ratio:.2f} times"


def _yardstick(result: Result) -> str:
    """The faster Keras version, or PyTorch's where there is none, or ours alone."""
    for family in (KERAS, PYTORCH):
        if name := fastest(result.medians, result.row.families, family):
            return name
    return result.row.judged.name


def legend(result: Result) -> str:
    """What the table's ratios are ratios to."""
    return f"speed: {_yardstick(result)} is 1; ours: times that {result.row.judged.name} is as fast"


def _lines(result: Result) -> Iterator[tuple[str, ...]]:
    """The table's cells, line by line."""
    medians: Mapping[str, float] = result.medians
    yardstick, judged = medians[_yardstick(result)], medians[result.row.judged.name]
    for name, seconds in result.seconds.items():
        low, _, high = statistics.quantiles(seconds, n=4)
        yield (
            name,
            f"{1e3 * medians[name]:.1f} ms",
            f"{1e3 * low:.1f} to {1e3 * high:.1f}",
            f"{result.task.batch / medians[name]:.1f}",
            f"{yardstick / medians[name]:.2f}",
            "" if name == result.row.judged.name else f"{medians[name] / judged:.2f}",
        )


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
