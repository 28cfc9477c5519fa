"""Answers as JSON Lines or CSV, and back as far as an interrupted run needs them.

JSON Lines: `{"file", "label", "score", "model_version", "top": [{"label", "score"}, ...]}`, or
`{"file", "error"}`. CSV has a column for each of these, the same for every row.

A picture that the model answers with `unknown` bears the score of its best class, which follows: in
JSON Lines as the first of `top`, in CSV as the second label.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from serving.client.stream import Answer

FORMATS = ("jsonl", "csv")
# Names of files need not be text; this way their bytes survive.
_ENCODING = ("utf-8", "surrogateescape")


class AnswerFormat(Protocol):
    """How an answer is written. Records end with a newline, which none has within its half.

    Attributes:
        header: bytes before the first record; may be empty.
    """

    header: bytes

    def encode(self, answer: Answer) -> bytes:
        """The answer's record."""

    def records(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The whole records, header included, of a file's lines; not a half-written last one."""

    def decode(self, record: bytes) -> tuple[str, bool]:
        """The record's file, and whether it has failed.

        Raises:
            ValueError: it is not a record of this format.
        """

    def may_begin(self, half: bytes) -> bool:
        """Whether a record can begin with these bytes."""


def by_name(name: str, top: int) -> AnswerFormat:
    """The format of that name, one of `FORMATS`, with the `top` best labels of each picture."""
    return CsvFormat(top) if name == "csv" else JsonLinesFormat(top)


class JsonLinesFormat:
    """One JSON object a line, in ASCII."""

    header = b""
    _BEGIN = b'{"file": "'

    def __init__(self, top: int) -> None:
        self._top = top

    def encode(self, answer: Answer) -> bytes:
        """See `AnswerFormat`."""
        record: dict[str, Any] = {"file": answer.source}
        if answer.prediction is None:
            record["error"] = answer.reason
        else:
            best = [
                {"label": label, "score": _rounded(score)}
                for label, score in answer.prediction.scores[: self._top]
            ]
            record |= best[0] | {"label": answer.prediction.label}
            record["model_version"] = answer.prediction.model_version
            record["top"] = best
        return json.dumps(record).encode() + b"\n"

    def records(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """See `AnswerFormat`."""
        return (line for line in lines if line.endswith(b"\n"))

    def decode(self, record: bytes) -> tuple[str, bool]:
        """See `AnswerFormat`."""
        document = json.loads(record)
        if not isinstance(document, dict) or not isinstance(document.get("file"), str):
            raise ValueError(document)
        return document["file"], "error" in document

    def may_begin(self, half: bytes) -> bool:
        """See `AnswerFormat`."""
        return half.startswith(self._BEGIN[: len(half)])


class CsvFormat:
    """RFC 4180 with a header, in UTF-8."""

    def __init__(self, top: int) -> None:
        self._top = top
        best = (f"{name}_{rank}" for rank in range(1, top + 1) for name in ("label", "score"))
        self.header = self._row(["file", "model_version", "error", *best])

    def encode(self, answer: Answer) -> bytes:
        """See `AnswerFormat`."""
        if answer.prediction is None:
            return self._row([answer.source, "", answer.reason, *[""] * (2 * self._top)])
        best = answer.prediction.told[: self._top]
        cells = [cell for label, score in best for cell in (label, _digits(score))]
        cells += [""] * (2 * self._top - len(cells))
        return self._row([answer.source, answer.prediction.model_version, "", *cells])

    def records(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """See `AnswerFormat`."""
        record = b""
        for line in lines:
            record += line
            # A newline between quotes belongs to a cell; quotes in a cell are doubled.
            if record.endswith(b"\n") and record.count(b'"') % 2 == 0:
                yield record
                record = b""

    def decode(self, record: bytes) -> tuple[str, bool]:
        """See `AnswerFormat`."""
        rows = list(csv.reader(io.StringIO(record.decode(*_ENCODING), newline=""), strict=True))
        if len(rows) != 1 or len(rows[0]) != 3 + 2 * self._top:
            raise ValueError(rows)
        return rows[0][0], bool(rows[0][2])

    def may_begin(self, half: bytes) -> bool:
        """See `AnswerFormat`."""
        return bool(half)

    def _row(self, cells: list[Any]) -> bytes:
        buffer = io.StringIO(newline="")
        # NUL, which no file's name holds and a label may, is the one character that csv refuses.
        csv.writer(buffer).writerow(str(cell).replace("\0", "�") for cell in cells)
        return buffer.getvalue().encode(*_ENCODING)


def _digits(score: float) -> str:
    rounded = _rounded(score)
    return "" if rounded is None else str(rounded)


def _rounded(score: float) -> float | None:
    """The digits that a float32 has; None for NaN, which JSON does not know."""
    return float(f"{score:.7g}") if math.isfinite(score) else None
