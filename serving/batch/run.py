"""A job from its beginning, or from where it has stopped, to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bitpipe import job_service
from bitpipe.beam import IN_PROCESS
from bitpipe.errors import AnswerFileError, ServingError
from bitpipe.model import in_service
from bitpipe.stores import named
from bitpipe.stores.paths import is_remote
from serving.batch import job as jobs
from serving.batch import lock
from serving.batch.job import Job, Progress

BATCH_SIZE = 16
# Looking how far a job is costs a listing of its shards.
_LOOK_S = 1.0
_LOOK_REMOTE_S = 15.0

# Is told how many pictures are answered, have failed, and are there in all.
Watch = Callable[[int, int, int], None]


@dataclasses.dataclass(frozen=True)
class Result:
    """How far a job has come.

    Attributes:
        out: the folder of its answers.
        files: in which they are once all is answered.
        pictures: that are asked about.
        answered: that have an answer, those of earlier runs included.
        failed: answers that are errors.
        earlier: answers that earlier runs have left.
    """

    out: str
    files: int
    pictures: int
    answered: int
    failed: int
    earlier: int


class JobFailedError(ServingError):
    """The work on a job has failed; what was answered before stays.

    Attributes:
        result: how far it has come.
    """

    def __init__(self, text: str, result: Result) -> None:
        super().__init__(text)
        self.result = result


class JobInterrupt(KeyboardInterrupt):
    """Ctrl-C while a job was worked on; threads of Beam may go on to the end of their shards.

    Attributes:
        result: how far it has come.
    """

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


def run(
    data: Sequence[str],
    models: str,
    name: str,
    out: str,
    *,
    version: int | None = None,
    resume: bool = False,
    form: str | None = None,
    top: int | None = None,
    shard_size: int | None = None,
    batch_size: int = BATCH_SIZE,
    beam: Sequence[str] = IN_PROCESS,
    watch: Watch | None = None,
) -> Result:
    """Asks a model about pictures and writes the answers into a folder.

    Where the folder holds a job, what is left of it is done; `None` is then what the job was begun
    with, else the default of `serving.batch.job.Request`.

    Args:
        data: files, folders (with all below them) and patterns; gs:// and s3:// too.
        models: holds NAME/VERSION/, or the numbered versions themselves.
        name: the model's.
        out: the folder, which no other run may be writing.
        version: of the model; `None` for the one in service.
        resume: go on with the job that the folder holds.
        form: of the answers, one of `serving.client.answer_formats.FORMATS`.
        top: labels of each picture.
        shard_size: pictures of one file of answers.
        batch_size: pictures that the model is given at a time.
        beam: options of Beam, as on its command line.
        watch: is told how far the job is, at once and then now and then, by a thread.

    Raises:
        JobServiceError: nothing answers where Beam's options say.
        DataError: something in `data` does not exist, or is an archive.
        AnswerFileError: the folder is in use, cannot be written, holds a job (without `resume`) or
            another one (with it), or there is no picture.
        ModelFolderError, ModelLoadError: there is no such model, or it is of another kind.
        StoreError: a store is unknown here, or does not answer.
        JobFailedError: the work has failed.
        JobInterrupt: Ctrl-C while it was done.
    """
    named.check_named(data)
    job_service.require(beam)
    with lock.held(out):
        job = jobs.find(out)
        if job is not None and not resume:
            raise AnswerFileError(
                f"{out} holds answers. Go on with --resume, or name another folder with --out."
            )
        # The newest version may be another one than when the job was begun.
        wanted = job.request.version if job and version is None else version
        path, number = in_service.locate(models, name, wanted)
        chosen: dict[str, Any] = {"form": form, "top": top, "shard_size": shard_size}
        given = {key: value for key, value in chosen.items() if value is not None}
        if job is None:
            _check_model(path)
            job = jobs.begin(out, jobs.Request(tuple(data), path, number, **given))
        else:
            jobs.check_same(job, data=tuple(data), model=path, version=number, **given)
            if not is_remote(out):  # else others may be writing
                job.clean()
        before = job.progress()
        try:
            if before.todo:
                with _watched(job, before, watch):
                    _answer(job, before, batch_size, beam)
        except KeyboardInterrupt as error:
            raise JobInterrupt(_result(job, before)) from error
        return _result(job, before)


def _answer(job: Job, before: Progress, batch_size: int, beam: Sequence[str]) -> None:
    from serving.batch import beam_pipeline  # which imports TensorFlow

    with _noted_interrupt() as interrupted:
        try:
            beam_pipeline.run(job, batch_size=batch_size, options=beam)
        # Beam turns errors of its workers into others, which differ from runner to runner.
        except Exception as error:
            if interrupted:
                raise KeyboardInterrupt from error
            told = job_service.explained(error, beam)
            raise JobFailedError(
                str(told) if told else f"The job has failed: {_last_line(error)}",
                _result(job, before),
            ) from error


def _result(job: Job, before: Progress) -> Result:
    now = job.progress()
    return Result(job.out, job.shards, job.pictures, now.answered, now.failed, before.answered)


def _check_model(path: str) -> None:
    from serving.model import saved_model  # which imports TensorFlow

    saved_model.check_signature(path)


@contextlib.contextmanager
def _noted_interrupt() -> Iterator[list[int]]:
    """A list that is no longer empty after Ctrl-C, which Beam tells as a failure of its worker."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield received
        return

    def interrupt(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def _watched(job: Job, before: Progress, watch: Watch | None) -> Iterator[None]:
    """Tells `watch` how far the folder is, as the work may be done on other machines."""
    if watch is None:
        yield
        return
    watch(before.answered, before.failed, job.pictures)
    interval_s = _LOOK_REMOTE_S if is_remote(job.out) else _LOOK_S
    stopped = threading.Event()

    def follow() -> None:
        while not stopped.wait(interval_s):
            with contextlib.suppress(OSError):  # a store that is away for a moment
                now = job.progress()
                watch(now.answered, now.failed, job.pictures)

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
