import datetime
import json
import math

import pytest
from rich.console import Console

from benchmarks.serving import markdown
from benchmarks.serving.goals import Goal, Section

MACHINE = "a machine, 2 cores"


@pytest.fixture
def sections():
    goals = [Goal("a ratio", 0.9, True, 0.9512, "x"), Goal("a wait", 100, False, math.nan, " ms")]
    first = Section(
        "throughput",
        "Saturated throughput",
        ("", "images/s"),
        [("direct", "12.5"), ("served", "11.9")],
        goals,
        ["Not OK: [error] of [/x]."],
        {"rates": [1.0, math.nan], "deep": {"growth": math.nan}, "samples": [(0, 1.5)]},
    )
    return [first, Section("soak", "A day", ("", "n"), [("all", "3")], [Goal("done", 3, True, 2)])]


def shown(sections):
    with (console := Console(width=140)).capture() as capture:
        markdown.show(console, MACHINE, sections)
    return capture.get()


def test_terminal_shows_tables_notes_and_all_goals_at_the_end(sections):
    text = shown(sections)
    places = [
        text.index(part) for part in ("Saturated", "[error] of [/x]", "A day", "Goals", "a ratio")
    ]
    assert places == sorted(places)
    row = next(line for line in text.splitlines() if "a ratio" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["throughput", "a ratio", "at least 0.9x", "0.951x", "yes"]
    assert "NO" in next(line for line in text.splitlines() if "done" in line)


def test_terminal_shows_machine_versions_and_date(sections):
    first = shown(sections).splitlines()[0]
    assert first.startswith(MACHINE)
    for part in ("grpcio ", "tensorflow ", "uvicorn ", datetime.date.today().isoformat()):
        assert part in first


def test_markdown_has_the_same_tables(sections):
    lines = markdown.markdown(MACHINE, sections).splitlines()
    start = lines.index("**Saturated throughput**")
    assert lines[start + 1 : start + 8] == [
        "",
        "|  | images/s |",
        "|---|---:|",
        "| direct | 12.5 |",
        "| served | 11.9 |",
        "",
        "Not OK: [error] of [/x].",
    ]
    goals = lines[lines.index("**Goals**") :]
    assert "|---|---|---|---|---|" in goals
    assert "| throughput | a wait | at most 100 ms | nothing | NO |" in goals
    assert "| soak | done | at least 3 | 2 | NO |" in goals


def test_json_has_everything_and_no_number_that_json_lacks(sections):
    content = markdown.as_json(MACHINE, 7, sections)
    assert json.loads(json.dumps(content, allow_nan=False)) == {
        "machine": MACHINE,
        "date": datetime.date.today().isoformat(),
        "seed": 7,
        "sections": [
            {
                "name": "throughput",
                "title": "Saturated throughput",
                "goals": [
                    {"goal": "a ratio", "wanted": "at least 0.9x", "measured": 0.9512, "met": True},
                    {"goal": "a wait", "wanted": "at most 100 ms", "measured": None, "met": False},
                ],
                "notes": ["Not OK: [error] of [/x]."],
                "measured": {
                    "rates": [1.0, None],
                    "deep": {"growth": None},
                    "samples": [[0, 1.5]],
                },
            },
            {
                "name": "soak",
                "title": "A day",
                "goals": [{"goal": "done", "wanted": "at least 3", "measured": 2, "met": False}],
                "notes": [],
                "measured": {},
            },
        ],
    }
