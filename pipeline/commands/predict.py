"""`bitpipe predict`: asks a server about pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from serving.client import Answer, PredictionClient
    from serving.client.answer_file import AnswerFile

EXIT_SOME_FAILED = 2
EXIT_INTERRUPTED = 130  # a shell's 128 + SIGINT
_FILE = click.Path(dir_okay=False, path_type=Path)
_SHOWN_FAILURES = 10
_PIPE_WIDTH = 160  # characters of a table which goes to a file or pipe

Write = Callable[["Answer"], None]


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGES...")
@click.option(
    "--server",
    required=True,
    metavar="HOST:PORT|URL",
    help="A prediction server: HOST:PORT (or grpcs://HOST:PORT) for gRPC, http[s]://HOST:PORT for "
    "REST.",
)
@click.option("--name", required=True, help="The model's name on the server.")
@click.option("--version", type=click.IntRange(0), help="Version to ask.  [default: the newest]")
@click.option("--label", help="Label of the version to ask.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Labels shown.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv"]),
    help="Default: by the name of --out; else table on a terminal, JSON Lines (jsonl) elsewhere.",
)
@click.option("--out", type=_FILE, help="Append the answers to this file (JSON Lines or CSV).")
@click.option("--resume", is_flag=True, help="Skip what --out holds already.")
@click.option(
    "--timeout",
    "timeout_s",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds for one request, its retries included.",
)
@click.option(
    "--retries", type=click.IntRange(0), help="Where the server is away or busy.  [default: 4]"
)
@click.option("--batch-size", type=click.IntRange(1), help="Pictures in a request.  [default: 16]")
@click.option(
    "--in-flight", type=click.IntRange(1), help="Requests at the same time.  [default: 4]"
)
@click.option("--ca", type=_FILE, help="PEM file: who signed the server's certificate; uses TLS.")
@click.option("--cert", type=_FILE, help="PEM file: this client's certificate, for mutual TLS.")
@click.option("--key", type=_FILE, help="PEM file: the certificate's private key.")
def predict(
    images: tuple[str, ...],
    top: int,
    form: str | None,
    out: Path | None,
    resume: bool,
    **connection: Any,
) -> None:
    """Ask a server what IMAGES show: files, folders (with all below them), quoted patterns.

    Answers come in the order of the files. What cannot be read, or is refused by the server, is
    told with its reason, and the others are answered.

    Exit codes: 0 all answered; 2 a picture failed, usage error, or no server; 130 interrupted;
    1 anything else.
    """
    form = _format(form, out, resume)

    from serving.client import answer_file, answer_formats

    with ExitStack() as stack:
        client = stack.enter_context(_client(**connection))
        file = None
        if out is None:
            write = _table(top) if form == "table" else _lines(answer_formats.by_name(form, top))
        else:
            file = stack.enter_context(
                answer_file.AnswerFile(out, answer_formats.by_name(form, top), resume=resume)
            )
            write = _recorded(file)
        failed = _run(client, images, file, out, write)
    if failed:
        sys.exit(EXIT_SOME_FAILED)


def _run(
    client: PredictionClient,
    images: tuple[str, ...],
    file: AnswerFile | None,
    out: Path | None,
    write: Write,
) -> int:
    """Asks about everything; returns how many pictures have failed, those of earlier runs too."""
    answered, failed = 0, file.failed if file else 0
    before = len(file.done) if file else 0
    try:
        with _progress(images, file) as advance:
            for answer in client.predict_each(_remaining(images, file)):
                write(answer)
                failed += answer.error is not None
                answered += 1
                advance(before + answered, failed)
    except BaseException as error:
        if out is not None:
            click.echo(
                f"{'Interrupted' if isinstance(error, KeyboardInterrupt) else 'Stopped'}: "
                f"{before + answered} answers are in {out}. The same command with --resume goes "
                f"on from there.",
                err=True,
            )
        if isinstance(error, KeyboardInterrupt):
            sys.exit(EXIT_INTERRUPTED)
        raise
    if out is not None:
        earlier = f", {before} of them by earlier runs" if before else ""
        click.echo(f"{before + answered} pictures ({failed} failed{earlier}) in {out}", err=True)
    elif failed:
        click.echo(f"{failed} of {answered} pictures failed", err=True)
    return failed


def _format(form: str | None, out: Path | None, resume: bool) -> str:
    if out is None:
        if resume:
            raise click.UsageError("--resume continues a file: name it with --out.")
        return form or ("table" if sys.stdout.isatty() else "jsonl")
    if form == "table":
        raise click.UsageError("A file holds jsonl or csv: leave out --format table, or --out.")
    return form or ("csv" if out.suffix.lower() == ".csv" else "jsonl")


def _client(
    server: str,
    name: str,
    retries: int | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    **options: Any,
) -> PredictionClient:
    from serving.client import PredictionClient
    from serving.client.connection import ClientTls
    from serving.client.retry import Retry

    given = {option: value for option, value in options.items() if value is not None}
    if retries is not None:
        given["retry"] = Retry(attempts=retries + 1)
    if ca or cert or key:
        given["tls"] = ClientTls(ca, cert, key)
    return PredictionClient(server, name, **given)


def _remaining(images: tuple[str, ...], file: AnswerFile | None) -> Iterator[str]:
    """The files to ask about: with a file of answers, each once."""
    from bitpipe.stores import files

    seen = set(file.done) if file else set()
    for source in files.find(images):
        path = source.path
        if path in seen:
            continue
        if file:
            seen.add(path)
        yield path


@contextmanager
def _progress(
    images: tuple[str, ...], file: AnswerFile | None
) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, unless the answers are printed there."""
    if not sys.stderr.isatty() or (file is None and sys.stdout.isatty()):
        yield lambda _done, _failed: None
        return
    from bitpipe.stores import files
    from pipeline import answer_bar

    total = sum(1 for _ in files.find(images))
    done = (len(file.done), file.failed) if file else (0, 0)
    with answer_bar.shown(total, *done) as advance:
        yield advance


def _recorded(file: AnswerFile) -> Write:
    """Writes into the file, and tells the first failures."""
    told = 0

    def write(answer: Answer) -> None:
        nonlocal told
        file.write(answer)
        if answer.error is None:
            return
        told += 1
        if told <= _SHOWN_FAILURES:
            # Not `click.echo`, which would write into the bar.
            print(f"{_printable(answer.source)}: {answer.reason}", file=sys.stderr)
        elif told == _SHOWN_FAILURES + 1:
            print("Further failures are told in the file only.", file=sys.stderr)

    return write


def _lines(form: Any) -> Write:
    """Prints records."""
    if form.header:
        click.echo(form.header, nl=False)
    return lambda answer: click.echo(form.encode(answer), nl=False)


def _table(top: int) -> Write:
    """Prints a row per answer, at once: its columns are as wide as the terminal allows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    room = console.width - 8 - 3 * 2
    widths = (room * 4 // 10, room * 2 // 10, 8, room * 4 // 10)

    def row(*cells: str, style: str = "") -> None:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for width in widths[: len(cells)] if top > 1 else widths[:3]:
            table.add_column(width=width, overflow="fold")
        # Text, because names may hold what looks like markup.
        table.add_row(*(Text(_printable(cell), style) for cell in cells[: len(table.columns)]))
        console.print(table)

    row("file", "label", "score", "then", style="dim")

    def write(answer: Answer) -> None:
        if answer.prediction is None:
            console.print(Text(_printable(f"{answer.source}: {answer.reason}"), "red"))
            return
        (label, score), *others = answer.prediction.scores[:top]
        then = "  ".join(f"{label} {score:.4f}" for label, score in others)
        row(answer.source, label, f"{score:.4f}", then)

    return write


def _printable(text: str) -> str:
    """Names of files need not be text, and may hold what moves a terminal's cursor."""
    shown = text.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else "�" for character in shown)
