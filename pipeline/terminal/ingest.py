"""What a person reads when the pictures are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from rich.markup import escape
from rich.table import Table

from bitpipe.names import printable
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
    yield f"pictures  {report['num_examples']} ({splits}) in {len(report['classes'])} classes"
    rejected = report["rejected"]
    yield f"rejected  {len(rejected)} files"
    yield from (f"{_INDENT}{one['filename']}: {one['reason']}" for one in rejected[:_SHOWN])
    if len(rejected) > _SHOWN:
        yield f"{_INDENT}and {len(rejected) - _SHOWN} more"
    yield f"skipped   {report['skipped'] + report['loose_files']} files"
    yield f"copies    {report['duplicates']} pictures are equal to others"
    yield f"conflicts {report['conflicting_duplicates']} pictures are in more than one class"
    yield f"left out  {report['left_out']} files for these two, see repeated.jsonl"
    yield f"similar   {report['near_duplicates']} groups look the same, each is in one split"
    yield f"found     {report['found']} files: pictures, left out, rejected and skipped"
    if report["across_splits"]:
        count = len(report["across_splits"])
        yield f"warning   {count} groups are in several splits, as the data say"
    if report["taken_apart"]:
        yield (
            "warning   look-alikes are in several splits, as else there were none of: "
            + ", ".join(report["taken_apart"])
        )
    yield f"examples  {report['examples']}{' (from the cache)' if report['cached'] else ''}"
