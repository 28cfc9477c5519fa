"""A table of pictures, CSV or JSON Lines: path, label, and if wanted split and group."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from bitpipe.errors import DataError
from bitpipe.names import printable
from bitpipe.stores.paths import is_remote, join, local_path
from bitpipe.wording import counted
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import given_splits, tree

NAME = "manifest"

# What a manifest is called inside a data folder or archive.
FILES = ("manifest.csv", "manifest.tsv", "manifest.jsonl")
_JSON_LINES = frozenset((".jsonl", ".ndjson"))
ENDINGS = frozenset((".csv", ".tsv")) | _JSON_LINES

# Column -> the names it may have, in lower case.
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "path": ("path", "file", "filename", "file_name", "image", "image_path"),
        "label": ("label", "class"),
        "split": ("split",),
        "group": ("group",),
    }
)
_DELIMITERS = (",", ";", "\t")
_UNKNOWN = tree.File("", 0, 0, None)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    path: str
    label: str
    split: str | None
    group: str | None


def is_named(path: str) -> bool:
    """Whether a path is that of a manifest, by its ending."""
    return PurePosixPath(path).suffix.lower() in ENDINGS


def list_file(path: str) -> Listing:
    """Lists what the manifest at this path names; relative paths start at its folder.

    Raises:
        DataError: it cannot be read, or a row breaks a rule; says which.
    """
    folder, _, name = path.rpartition("/")
    folder = folder or ("/" if path.startswith("/") else ".")
    return _listing(folder, name, path)


def in_tree(found: tree.Tree) -> str | None:
    """The name of the manifest that a data folder holds; None where it holds none."""
    names = {file.path for file in found.skipped}
    return next((name for name in FILES if name in names), None)


def from_tree(found: tree.Tree, name: str) -> Listing:
    """Lists what the manifest `name` in a data folder names."""
    sizes = {file.path: file for file in found.files}
    return _listing(found.path, name, join(found.path, name), sizes)


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return tree.read(path, picture.path)


def _listing(
    folder: str, name: str, place: str, known: Mapping[str, tree.File] = MappingProxyType({})
) -> Listing:
    rows = list(_rows(place, _text(folder, name, place)))
    if not rows:
        raise DataError(
            f"A manifest must name at least one picture. Received: no row in {place}; add some."
        )
    asked = {row.path for row in rows if row.path not in known}
    facts = {**known, **tree.facts(folder, asked)}
    given = [_picture(row, facts.get(row.path, _UNKNOWN)) for row in rows]
    settled = given_splits.settle(given)
    said = [f"manifest {name}: {counted(len(rows), 'row')}"]
    if splits := given_splits.in_words(given, settled):
        said.append(splits)
    if groups := {row.group for row in rows if row.group}:
        said.append(counted(len(groups), "group"))
    return Listing(folder, settled, found=len(rows), recognised="; ".join(said))


def _picture(row: _Row, facts: tree.File) -> ListedPicture:
    return ListedPicture(
        row.path, row.label, row.split, facts.size, facts.mtime_ns, NAME, facts.stamp, row.group
    )


def _text(folder: str, name: str, place: str) -> str:
    try:
        return tree.read(folder, name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"A manifest must be text in UTF-8. Received: {place}, line {line} of which is not; "
            "save it as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(
            f"The manifest {place} cannot be read ({error.strerror or error}). Check the path."
        ) from error


def _rows(place: str, text: str) -> Iterator[_Row]:
    lines: dict[tuple[str, str], int] = {}
    is_json = PurePosixPath(place).suffix.lower() in _JSON_LINES
    records = _json_lines(place, text) if is_json else _csv(place, text)
    for line, values in records:
        # Spaces around a name are for those who read the table; no class differs by them.
        path, label = _path(values.get("path", "")), values.get("label", "").strip()
        if not path or not label:
            missing = "path" if not path else "label"
            raise _refused(place, line, f"without a {missing}", "fill it in, or remove the row")
        if "\0" in path:
            raise _refused(place, line, "with a zero byte in its path", "correct it")
        first = lines.setdefault((path, label), line)
        if first != line:
            raise _refused(
                place, line, f"with the path and label of line {first}", "remove one of them"
            )
        split = given = values.get("split", "").strip()
        if given:
            split = given_splits.named(given) or ""
            if not split:
                raise _refused(
                    place, line, f"with the split {given!r}", "use train, val or test, or nothing"
                )
        yield _Row(line, path, label, split or None, values.get("group", "").strip() or None)


def _path(given: str) -> str:
    """A row's path in the one spelling that archives know: `a/1.jpg` for `./a//1.jpg`."""
    path = local_path(given)
    return str(PurePosixPath(path)) if path and not is_remote(path) else path


def _csv(place: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    try:
        columns = _columns(place, next(reader, []))
        for values in reader:
            if any(value.strip() for value in values):
                if len(values) < len(columns):
                    raise _refused(
                        place,
                        reader.line_num,
                        f"with {len(values)} of {len(columns)} columns",
                        "complete it",
                    )
                row = zip(columns, values, strict=False)
                yield reader.line_num, {name: value for name, value in row if name}
    except csv.Error as error:
        raise _refused(place, reader.line_num, f"that is no CSV ({error})", "correct it") from error


def _columns(place: str, header: Iterable[str]) -> list[str]:
    """The column that each field of a row fills; empty for others."""
    names = [name.strip() for name in header]
    columns = [
        next((column for column, known in _COLUMNS.items() if name.lower() in known), "")
        for name in names
    ]
    for column in ("path", "label"):
        if columns.count(column) != 1:
            raise DataError(
                "The first line of a manifest must name the columns path and label, and may name "
                f"split and group. Received: {printable(', '.join(names)) or 'nothing'} in {place};"
                " add such a line."
            )
    return columns


def _json_lines(place: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _refused(place, number, f"that is no JSON ({error})", "correct it") from error
        if not isinstance(record, dict):
            raise _refused(place, number, "that is no JSON object", "write {...}")
        yield number, dict(_fields(place, number, record))


def _fields(place: str, line: int, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for column, names in _COLUMNS.items():
        present = [name for name in record if name.lower() in names and record[name] is not None]
        if len(present) > 1:
            raise _refused(place, line, f"with both {' and '.join(present)}", "leave one")
        for name in present:
            value = record[name]
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise _refused(place, line, f"with {name} {value!r}", "write a text")
            yield column, str(value)


def _refused(place: str, line: int, problem: str, remedy: str) -> DataError:
    return DataError(
        "Each row of a manifest must give path and label. "
        f"Received: line {line} of {place} {printable(problem)}; {remedy}."
    )
