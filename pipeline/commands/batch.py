"""`bitpipe batch`: millions of pictures through Beam, with the model in the workers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import logs
from pipeline.commands import predict

if TYPE_CHECKING:
    from serving.batch.job import Job, Progress

# Looking costs a listing of the shards.
_LOOK_S = 1.0
_LOOK_REMOTE_S = 15.0


@click.command()
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A folder (with all below it), a file or a quoted pattern; gs:// and s3:// too. "
    "Repeatable.",
)
@click.option(
    "--models",
    required=True,
    metavar="DIR",
    help="Folder that holds NAME/VERSION, or the versions themselves.",
)
@click.option("--name", required=True, help="The model's name.")
@click.option("--version", type=click.IntRange(1), help="Its version.  [default: the newest]")
@click.option("--out", required=True, metavar="DIR", help="Folder for the answers.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run has stopped.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="Of the answers.  [default: jsonl]",
)
@click.option("--top", type=click.IntRange(1), help="Labels of each picture.  [default: 5]")
@click.option(
    "--batch-size",
    default=16,
    show_default=True,
    type=click.IntRange(1),
    help="Pictures that the model is given at a time.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1),
    help="Pictures of one file of answers, which is also what an interrupted run has to repeat. "
    "[default: 1000]",
)
@click.option(
    "--beam",
    "options",
    multiple=True,
    metavar="OPTION",
    help="Option of Beam, for example --beam=--runner=FlinkRunner. Repeatable.  [default: in this "
    "process]",
)
def batch(
    data: tuple[str, ...],
    models: str,
    name: str,
    version: int | None,
    out: str,
    resume: bool,
    batch_size: int,
    options: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Answer what pictures show, without a server and in any number.

    Answers go to files in the folder --out, each as soon as all its pictures are answered. What
    cannot be read is an answer with the reason.

    Exit codes: 0 all answered; 2 a picture failed, or usage error; 130 interrupted; 1 anything
    else.
    """
    from bitpipe.model import versions
    from bitpipe.stores.paths import is_remote
    from pipeline.settings.config import Config
    from serving.batch import job as jobs

    _check_there(data)
    with _locked(out):
        job = jobs.find(out)
        if job is not None and not resume:
            raise click.UsageError(
                f"{out} holds answers. Go on with --resume, or name another folder with --out."
            )
        # The newest version may be another one than when the job was begun.
        wanted = job.request.version if job and version is None else version
        path, number = versions.locate(models, name, wanted)
        given = {key: value for key, value in chosen.items() if value is not None}
        if job is None:
            _check_model(path)
            job = jobs.begin(out, jobs.Request(data, path, number, **given))
        else:
            jobs.check_same(job, data=data, model=path, version=number, **given)
            if not is_remote(out):  # else others may be writing
                job.clean()
        _run(job, batch_size, options or Config().beam)


def _run(job: Job, batch_size: int, options: Sequence[str]) -> None:
    """Answers what is left and tells how it went; ends the process unless all is well."""
    before = job.progress()
    try:
        if before.todo:
            with _progress(job, before):
                _answer(job, batch_size, options)
    except BaseException as error:
        click.echo(
            f"{'Interrupted' if isinstance(error, KeyboardInterrupt) else 'Stopped'}: "
            f"{job.progress().answered} of {job.pictures} answers are in {job.out}. The same "
            f"command with --resume goes on from there.",
            err=True,
        )
        if isinstance(error, KeyboardInterrupt):
            sys.stderr.flush()
            # Where Beam has threads, they would finish their shards first.
            os._exit(predict.EXIT_INTERRUPTED)
        raise
    done = job.progress()
    earlier = f", {before.answered} of them by earlier runs" if before.answered else ""
    click.echo(
        f"{done.answered} pictures ({done.failed} failed{earlier}) in {job.out}, "
        f"{job.shards} {'file' if job.shards == 1 else 'files'}",
        err=True,
    )
    if done.failed:
        sys.exit(predict.EXIT_SOME_FAILED)


def _check_model(path: str) -> None:
    logs.silence_frameworks()
    from serving.model import saved_model

    saved_model.check_signature(path)


def _answer(job: Job, batch_size: int, options: Sequence[str]) -> None:
    logs.silence_frameworks()
    from bitpipe.errors import ServingError
    from serving.batch import beam_pipeline

    with _noted_interrupt() as interrupted:
        try:
            beam_pipeline.run(job, batch_size=batch_size, options=options)
        # Beam turns errors of its workers into others, which differ from runner to runner.
        except Exception as error:
            if interrupted:
                raise KeyboardInterrupt from error
            raise ServingError(f"The job has failed: {_last_line(error)}") from error


@contextlib.contextmanager
def _noted_interrupt() -> Iterator[list[int]]:
    """A list that is no longer empty after Ctrl-C, which Beam tells as a failure of its worker."""
    received: list[int] = []

    def interrupt(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)


def _check_there(data: Sequence[str]) -> None:
    """Raises for what was misspelt, before anything is imported or written."""
    import glob

    from bitpipe.stores.open import store_of
    from bitpipe.stores.paths import is_remote

    for given in data:
        if is_remote(given):
            store_of(given)  # tells of an unknown one
        if not (is_remote(given) or glob.has_magic(given) or os.path.lexists(given)):
            raise click.UsageError(f"{given} does not exist. Correct --data.")


@contextlib.contextmanager
def _locked(out: str) -> Iterator[None]:
    """Keeps a second run on this machine out of the folder, which is made where it is missing."""
    from bitpipe.errors import AnswerFileError
    from bitpipe.stores.paths import is_remote
    from serving.batch import job as jobs

    if is_remote(out):
        yield
        return
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise jobs.unwritable(out, error) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AnswerFileError(
            f"{out} is being written by another run. Wait for it, or name another folder with "
            f"--out."
        ) from error
    else:
        yield
    finally:
        os.close(held)
        for empty in (folder / "shards", folder):  # where the job was never begun
            with contextlib.suppress(OSError):
                empty.rmdir()


@contextlib.contextmanager
def _progress(job: Job, before: Progress) -> Iterator[None]:
    """A bar on a terminal. It follows the folder, as the work may be done on other machines."""
    if not sys.stderr.isatty():
        yield
        return
    from bitpipe.stores.paths import is_remote
    from pipeline import answer_bar

    interval_s = _LOOK_REMOTE_S if is_remote(job.out) else _LOOK_S
    stopped = threading.Event()
    with answer_bar.shown(job.pictures, before.answered, before.failed) as advance:

        def follow() -> None:
            while not stopped.wait(interval_s):
                with contextlib.suppress(OSError):  # a store that is away for a moment
                    now = job.progress()
                    advance(now.answered, now.failed)

        thread = threading.Thread(target=follow, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join(interval_s)


def _last_line(error: BaseException) -> str:
    """Beam puts a worker's whole traceback into its error."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
