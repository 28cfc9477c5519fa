"""Sections for the terminal, for the documentation and for other programs."""

from __future__ import annotations

import datetime
import importlib.metadata
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.serving.goals import Goal, Section, number

_PACKAGES = ("grpcio", "starlette", "tensorflow", "uvicorn")


def heading(machine: str) -> str:
    """Machine, versions and date, in one line."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return f"{machine}; {versions}; {datetime.date.today().isoformat()}"


def show(console: Console, machine: str, sections: Sequence[Section]) -> None:
    """Prints the tables, then all goals in one."""
    console.print(heading(machine), highlight=False)
    for section in sections:
        console.print(_table(section.title, section.columns, section.rows))
        for note in section.notes:
            console.print(note, highlight=False, markup=False)
    cells = [_goal_cells(section, goal) for section in sections for goal in section.goals]
    console.print(_table("Goals", _GOAL_COLUMNS, cells))


def markdown(machine: str, sections: Sequence[Section]) -> str:
    """The same, to be pasted into the documentation."""
    lines = [heading(machine), ""]
    for section in sections:
        lines += [f"**{section.title}**", "", *_markdown_table(section.columns, section.rows), ""]
        for note in section.notes:
            lines += [note, ""]
    cells = [_goal_cells(section, goal) for section in sections for goal in section.goals]
    return "\n".join([*lines, "**Goals**", "", *_markdown_table(_GOAL_COLUMNS, cells), ""])


def as_json(machine: str, seed: int, sections: Sequence[Section]) -> dict[str, Any]:
    """Everything that was measured."""
    content = {
        "machine": machine,
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "sections": [
            {
                "name": section.name,
                "title": section.title,
                "goals": [
                    {
                        "goal": goal.text,
                        "wanted": goal.wanted,
                        "measured": goal.measured,
                        "met": goal.met,
                    }
                    for goal in section.goals
                ],
                "notes": list(section.notes),
                "measured": section.measured,
            }
            for section in sections
        ],
    }
    return {key: _without_nan(value) for key, value in content.items()}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _without_nan(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(held) for held in value]
    return None if isinstance(value, float) and math.isnan(value) else value


_GOAL_COLUMNS = ("", "goal", "wanted", "measured", "met")


def _goal_cells(section: Section, goal: Goal) -> tuple[str, ...]:
    known = not math.isnan(goal.measured)
    measured = f"{number(goal.measured)}{goal.unit if known else ''}"
    return (section.name, goal.text, goal.wanted, measured, "yes" if goal.met else "NO")


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        text = index == 0 or columns is _GOAL_COLUMNS
        table.add_column(column, justify="left" if text else "right")
    for cells in rows:
        table.add_row(*cells)
    return table


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    aligned = "|---|" + ("---|" if columns is _GOAL_COLUMNS else "---:|") * (len(columns) - 1)
    return [_line(columns), aligned, *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
