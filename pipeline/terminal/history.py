"""Runs, as `bitpipe runs` prints them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from bitpipe.names import printable
from pipeline.runs import states
from pipeline.terminal import columns
from pipeline.terminal.versions import date

if TYPE_CHECKING:
    from pipeline.records import Execution, Run
    from pipeline.runs import History

_UNKNOWN = "-"
_SHOWN_CHARACTERS = 60
_LINE = 160


def print_list(history: History, runs: Sequence[Run]) -> None:
    """A row per run, the last one first."""
    rows = [
        (
            str(run.number),
            date(int(run.started)),
            f"{run.seconds:.1f}",
            ", ".join(f"{count} {state}" for state, count in states(run.executions).items()),
            _share(history.accuracy(run)),
            history.outcome(run),
        )
        for run in reversed(runs)
    ]
    head = ("run", "started", "seconds", "stages", "accuracy", "outcome")
    columns.print_table(head, rows, right=(0, 2, 4))


def print_run(history: History, run: Run) -> None:
    """A row per stage, with what it wrote; then what failed."""
    _say(f"run {run.number}  {run.name}  {history.outcome(run)}\n")
    rows = [
        (
            str(execution.id),
            execution.stage,
            execution.state,
            _UNKNOWN if execution.seconds is None else f"{execution.seconds:.1f}",
            ", ".join(
                f"{key} {number}" for key, ids in execution.outputs.items() for number in ids
            ),
        )
        for execution in run.executions
    ]
    columns.print_table(("execution", "stage", "state", "seconds", "artifacts"), rows, right=(0, 3))
    written = dict.fromkeys(
        number
        for execution in run.executions
        for ids in execution.outputs.values()
        for number in ids
    )
    if written:
        _say("")
        found = (history.artifacts[number] for number in written)
        columns.print_table(
            ("artifact", "type", "place"),
            [(str(artifact.id), artifact.kind, artifact.uri) for artifact in found],
            right=(0,),
        )
    for execution in run.executions:
        if execution.state == "failed":
            reason = execution.error or f"no reason is noted: see {history.out / 'logs'}"
            _say(f"\n{execution.stage} failed: {reason}")


def print_comparison(history: History, first: Run, second: Run) -> None:
    """Both runs side by side, and each setting and code that differs."""
    sides = (first, second)
    names = dict.fromkeys(execution.stage for run in sides for execution in run.executions)
    rows = [
        ("started", *(date(int(run.started)) for run in sides)),
        ("outcome", *(history.outcome(run) for run in sides)),
        ("accuracy", *(_share(history.accuracy(run)) for run in sides)),
        ("seconds", *(f"{run.seconds:.1f}" for run in sides)),
        *((f"  {name}", *(_time(run.stage(name)) for run in sides)) for name in names),
    ]
    columns.print_table(("", *(f"run {run.number}" for run in sides)), rows)
    changed = history.differences(first, second)
    _say("\nsettings and code that differ:" if changed else "\nno setting and no code differs")
    if changed:
        columns.print_table(
            ("", *(f"run {run.number}" for run in sides)),
            [(key, _value(before), _value(after)) for key, before, after in changed],
        )


def print_lineage(history: History, run: Run, led: Sequence[Execution]) -> None:
    """What led to a run's model: each stage with its settings, code and inputs."""
    _say(f"run {run.number}  {run.name}  {history.outcome(run)}\n")
    columns.print_pairs(list(_origin(led)))
    for execution in led:
        _say(f"\n{execution.stage}  {date(int(execution.started))}  execution {execution.id}")
        for key, value in execution.properties.items():
            if value not in (None, "null", "{}", "[]"):
                _say(f"  {key}: {_value(value, _LINE)}")
        for word, side in (("read", execution.inputs), ("wrote", execution.outputs)):
            for key, ids in side.items():
                for number in ids:
                    artifact = history.artifacts[number]
                    _say(f"  {word} {key}: {artifact.kind} {number} {artifact.uri}")


def _origin(led: Sequence[Execution]) -> Iterator[tuple[str, str]]:
    """Pictures, configuration and code, of all that is told below."""
    for execution in led:
        told = execution.properties
        if "input_base" in told:
            yield "pictures", f"{told['input_base']} ({told.get('input_fingerprint', _UNKNOWN)})"
        custom = told.get("custom_config")
        for section in ("model", "train"):
            if isinstance(custom, dict) and section in custom:
                yield section, _settings(custom[section])
        if "gate" in told:
            yield "gate", _settings(told["gate"])
    codes = [str(one.properties["code_version"]) for one in led if "code_version" in one.properties]
    for code in dict.fromkeys(codes):
        yield "code", code


def _settings(section: Any) -> str:
    """Those that are set, on one line."""
    if not isinstance(section, dict):
        return _value(section)
    return ", ".join(
        f"{key} {_value(value)}" for key, value in section.items() if value is not None
    )


def _time(execution: Execution | None) -> str:
    if execution is None:
        return _UNKNOWN
    if execution.state != "complete" or execution.seconds is None:
        return execution.state
    return f"{execution.seconds:.1f}"


def _share(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{share:.4f}"


def _value(value: Any, limit: int | None = _SHOWN_CHARACTERS) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if limit is None or len(text) <= limit else f"{text[: limit - 3]}..."


def _say(text: str) -> None:
    click.echo("\n".join(printable(line, sys.stdout.encoding) for line in text.split("\n")))
