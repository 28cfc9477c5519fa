"""A file to which answers are appended, and to which an interrupted run can return."""

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType

from bitpipe.errors import AnswerFileError
from serving.client.answer_formats import AnswerFormat
from serving.client.stream import Answer


class AnswerFile:
    """Appends one record at a time, each whole and at once.

    Killed at any moment, the process leaves whole records and at most a half-written last one,
    which a resumed run drops.

    Args:
        path: the file; made where it is missing.
        format: of its records.
        resume: continue a file which holds records; else it must be missing or empty.

    Attributes:
        done: the files that it holds records of already.
        failed: how many of these records are errors.

    Raises:
        AnswerFileError: it cannot be written, another process writes it, it holds records (without
            `resume`), or what it holds was not written in this format (with `resume`).
    """

    def __init__(self, path: Path, format: AnswerFormat, *, resume: bool = False) -> None:
        self._path = path
        self._format = format
        self.done: set[str] = set()
        self.failed = 0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise AnswerFileError(
                f"{path} cannot be written: {error.strerror}. Name another file with --out."
            ) from error
        try:
            self._size = self._open(resume)
            if not self._size:
                self._append(format.header)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "AnswerFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After a full disk, or Ctrl-C between two parts of a record.
        if os.fstat(self._file).st_size != self._size:
            os.ftruncate(self._file, self._size)
        os.close(self._file)

    def write(self, answer: Answer) -> None:
        """Appends the answer.

        Raises:
            AnswerFileError: the disk is full, for example; the records before this one are whole.
        """
        self._append(self._format.encode(answer))

    def _append(self, record: bytes) -> None:
        left = memoryview(record)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise AnswerFileError(
                f"{self._path} cannot be written: {error.strerror}. Make room, then use --resume."
            ) from error
        self._size += len(record)

    def _open(self, resume: bool) -> int:
        """The bytes that the file keeps."""
        facts = os.fstat(self._file)
        if not stat.S_ISREG(facts.st_mode):
            raise AnswerFileError(f"{self._path} is not a file. Name another one with --out.")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AnswerFileError(
                f"{self._path} is being written by another process. Wait for it, or name another "
                f"file with --out."
            ) from error
        # Once more: the other process may have ended in between.
        size = os.fstat(self._file).st_size
        if not size:
            return 0
        if not resume:
            raise AnswerFileError(
                f"{self._path} exists. Continue it with --resume, or name another file with --out."
            )
        whole = self._read_records()
        if whole < size:
            self._check_half(whole)
            os.ftruncate(self._file, whole)
        return whole

    def _read_records(self) -> int:
        """Fills `done` and `failed`; returns the bytes of all whole records."""
        whole = 0
        with self._path.open("rb") as lines:
            for number, record in enumerate(self._format.records(lines)):
                whole += len(record)
                if number == 0 and self._format.header:
                    if record != self._format.header:
                        raise self._foreign(1)
                    continue
                try:
                    source, failed = self._format.decode(record)
                except Exception as error:
                    raise self._foreign(number + 1) from error
                self.done.add(source)
                self.failed += failed
        return whole

    def _check_half(self, whole: int) -> None:
        """Raises if what would be cut off is none of ours: a file named by mistake stays."""
        half = os.pread(self._file, 4096, whole)
        header = self._format.header
        ours = header.startswith(half) if header and not whole else self._format.may_begin(half)
        if not ours:
            raise self._foreign(len(self.done) + 1)

    def _foreign(self, number: int) -> AnswerFileError:
        return AnswerFileError(
            f"{self._path} cannot be continued: its record {number} was not written with these "
            f"options (--format, --top). Repeat those of the first run, or name another file with "
            f"--out."
        )
