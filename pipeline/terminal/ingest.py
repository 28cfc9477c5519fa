"""What a person reads when the pictures are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from rich.markup import escape
from rich.table import Table

from bitpipe.names import printable
from bitpipe.wording import counted
from pipeline.terminal import streams

_SHOWN = 5
_INDENT = " " * 12


def print_report(report: Mapping[str, Any], stream: TextIO) -> None:
    """Prints the report of `pipeline.result.ingest_report`: all counts, the first few files."""
    console = streams.console(stream, soft_wrap=True)
    for line in _lines(report):
        console.print(escape(printable(line, console.encoding)))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for split in report["splits"]:
        table.add_column(split, justify="right")
    for name, counts in report["classes"].items():
        shown = escape(printable(name, console.encoding))
        table.add_row(shown, *(str(counts[split]) for split in report["splits"]))
    console.print(table)


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    splits = ", ".join(f"{count} {split}" for split, count in report["splits"].items())
    yield f"data      {report['source']}"
    classes = counted(len(report["classes"]), "class", plural="classes")
    yield f"pictures  {report['num_examples']} ({splits}) in {classes}"
    rejected = report["rejected"]
    yield f"rejected  {counted(len(rejected), 'file')}"
    yield from (f"{_INDENT}{one['filename']}: {one['reason']}" for one in rejected[:_SHOWN])
    if len(rejected) > _SHOWN:
        yield f"{_INDENT}and {len(rejected) - _SHOWN} more"
    yield f"skipped   {counted(report['skipped'] + report['loose_files'], 'file')}"
    yield f"copies    {counted(report['duplicates'], 'picture')} equal to others"
    yield f"conflicts {counted(report['conflicting_duplicates'], 'picture')} in more than one class"
    yield f"left out  {counted(report['left_out'], 'file')} for these two, see repeated.jsonl"
    groups = counted(report["near_duplicates"], "group")
    yield f"similar   {groups} of look-alikes, each in one split"
    yield f"found     {counted(report['found'], 'file')}: pictures, left out, rejected and skipped"
    if report["across_splits"]:
        groups = counted(len(report["across_splits"]), "group")
        yield f"warning   {groups} in several splits, as the data say"
    if report["taken_apart"]:
        yield (
            "warning   look-alikes are in several splits, as else there were none of: "
            + ", ".join(report["taken_apart"])
        )
    yield f"examples  {report['examples']}{' (from the cache)' if report['cached'] else ''}"
