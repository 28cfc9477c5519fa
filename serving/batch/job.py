"""A job: which pictures are asked about, by which model, and how far its folder of answers is.

    OUT/batch.json                       the job; written once all its shards are known
    OUT/answers-00003-of-00040.jsonl     the answers of a shard, in the order of the pictures
    OUT/shards/00003-todo.json           the pictures of a shard that has no answers yet
    OUT/shards/00003-done-1000-2         instead, once it has: 1000 answers, of which 2 are errors

A shard is the unit of work, of repetition and of an interrupted job. Names alone tell how far the
job is, so that asking costs a listing, however large the job and wherever its folder.
"""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bitpipe.errors import AnswerFileError
from bitpipe.stores import files
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from bitpipe.stores.store import Found
from serving.client import answer_formats
from serving.client.answer_formats import AnswerFormat

_JOB = "batch.json"
_SHARDS = "shards"
_HALF_WRITTEN = ".answers-"  # see Store.write
_TODO = re.compile(r"(\d+)-todo\.json")
_DONE = re.compile(r"(\d+)-done-(\d+)-(\d+)")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        data: files, folders and patterns, as the user named them.
        model: path of the version's SavedModel.
        version: its number.
        form: one of `answer_formats.FORMATS`.
        top: labels of each picture.
        shard_size: pictures of a shard.
    """

    data: tuple[str, ...]
    model: str
    version: int
    form: str = "jsonl"
    top: int = 5
    shard_size: int = 1000


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        todo: numbers of the shards without answers.
        answered: pictures with an answer, errors included.
        failed: answers that are errors.
    """

    todo: tuple[int, ...]
    answered: int
    failed: int


@dataclasses.dataclass(frozen=True)
class Job:
    """A request and its shards, in the folder `out`."""

    out: str
    request: Request
    shards: int
    pictures: int

    @property
    def format(self) -> AnswerFormat:
        """How answers are written."""
        return answer_formats.by_name(self.request.form, self.request.top)

    def answers_path(self, shard: int) -> str:
        """Where the answers of a shard go."""
        name = f"answers-{shard:05d}-of-{self.shards:05d}.{self.request.form}"
        return join(self.out, name)

    def sources(self, shard: int) -> list[Found]:
        """The pictures of a shard; FileNotFoundError where it has answers already."""
        content = store_of(self.out).read(_todo_path(self.out, shard))
        return [Found(*pair) for pair in json.loads(content)]

    def finish(self, shard: int, answered: int, failed: int) -> None:
        """Notes that the answers of a shard are there."""
        place = store_of(self.out)
        done = join(self.out, _SHARDS, f"{shard:05d}-done-{answered}-{failed}")
        place.write(done, ())
        place.delete(_todo_path(self.out, shard))

    def clean(self) -> None:
        """Removes what a killed run has left half-written; nobody else may write meanwhile."""
        place = store_of(self.out)
        for name in place.names(self.out):
            if name.startswith(_HALF_WRITTEN):
                place.delete(join(self.out, name))

    def progress(self) -> Progress:
        """How far the job is; costs a listing of the folder of shards."""
        names = store_of(self.out).names(join(self.out, _SHARDS))
        todo = {int(match[1]) for name in names if (match := _TODO.fullmatch(name))}
        counts = {
            int(match[1]): (int(match[2]), int(match[3]))
            for name in names
            if (match := _DONE.fullmatch(name))
        }
        # A shard may be both, if it was interrupted between the two: then it is asked about again.
        done = [count for shard, count in counts.items() if shard not in todo]
        return Progress(
            tuple(sorted(todo)),
            sum(answered for answered, _ in done),
            sum(failed for _, failed in done),
        )


def begin(out: str, request: Request) -> Job:
    """Lists the pictures and writes the shards.

    Raises:
        AnswerFileError: there are no pictures, `out` holds something else, or cannot be written.
    """
    place = store_of(out)
    try:
        _check_empty(out)
        shards = pictures = readable = 0
        # A half-written list of an interrupted start, longer than this one, would be taken for it.
        _delete_shards(out)
        for group in _groups(files.find(request.data), request.shard_size):
            place.write(_todo_path(out, shards), [json.dumps(group).encode()])
            shards += 1
            pictures += len(group)
            readable += sum(not found.problem for found in group)
        if not readable:
            _delete_shards(out)
            raise AnswerFileError(
                f"There is no picture in {', '.join(request.data)}. Correct --data."
            )
        job = Job(out, request, shards, pictures)
        place.write(join(out, _JOB), [json.dumps(dataclasses.asdict(job)).encode()])
    except OSError as error:
        raise unwritable(out, error) from error
    return job


def find(out: str) -> Job | None:
    """The job that was begun in the folder; None where there is none.

    Raises:
        AnswerFileError: its description cannot be read.
    """
    try:
        content = store_of(out).read(join(out, _JOB))
        fields: dict[str, Any] = json.loads(content)
        request = Request(**{**fields["request"], "data": tuple(fields["request"]["data"])})
        return Job(out, request, int(fields["shards"]), int(fields["pictures"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AnswerFileError(
            f"{join(out, _JOB)} cannot be read ({error}). Name another folder with --out."
        ) from error


def check_same(job: Job, **wanted: Any) -> None:
    """Raises AnswerFileError unless the job's request has these values."""
    for name, value in wanted.items():
        known = getattr(job.request, name)
        if value != known:
            raise AnswerFileError(
                f"{job.out} cannot be continued: its {name} is {_shown(known)}. Received: "
                f"{_shown(value)}. Repeat the options of the first run, or name another folder "
                f"with --out."
            )


def _check_empty(out: str) -> None:
    try:
        foreign = [name for name in store_of(out).names(out) if name != _SHARDS]
    except NotADirectoryError as error:
        raise AnswerFileError(f"{out} is not a folder. Name another one with --out.") from error
    if foreign:
        raise AnswerFileError(
            f"{out} is not empty: it holds {min(foreign)}. Name another folder with --out."
        )


def _groups(found: Iterator[Found], size: int) -> Iterator[Sequence[Found]]:
    while group := list(itertools.islice(found, size)):
        yield group


def _todo_path(out: str, shard: int) -> str:
    return join(out, _SHARDS, f"{shard:05d}-todo.json")


def _delete_shards(out: str) -> None:
    place, folder = store_of(out), join(out, _SHARDS)
    for name in place.names(folder):
        place.delete(join(folder, name))


def unwritable(out: str, error: OSError) -> AnswerFileError:
    """Says that the folder of answers is."""
    return AnswerFileError(
        f"{out} cannot be written: {error.strerror or error}. Name another folder with --out."
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
