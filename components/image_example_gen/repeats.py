"""Pictures that are there twice: which of them are left out, and which are listed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from bitpipe.errors import DataError
from bitpipe.names import printable
from components.image_example_gen import looks
from components.image_example_gen.outcomes import AcceptedFile, Key, Repeat

DuplicateRule = Literal["keep", "drop"]
ConflictRule = Literal["error", "drop", "keep"]

# Of copies in given splits, that in the most precious one is kept: the gate judges by it.
_KEPT_FIRST = {"test": 0, "eval": 1}

_MAX_NAMED = 5


def find(
    files: Iterable[AcceptedFile], duplicates: DuplicateRule, conflicts: ConflictRule
) -> tuple[list[Repeat], set[Key]]:
    """Equal pictures, sorted, and the keys of those that are left out.

    Args:
        files: all that could become examples.
        duplicates: `drop` leaves out all copies but one, of each class.
        conflicts: `drop` leaves out all pictures that are in several classes.

    Raises:
        DataError: there are such, and `conflicts` is `error`; names the first.
    """
    by_digest: dict[str, list[AcceptedFile]] = defaultdict(list)
    for file in files:
        by_digest[file.sha256].append(file)
    found: list[Repeat] = []
    left_out: set[Key] = set()
    for same in by_digest.values():
        if len(same) == 1:
            continue
        same.sort(key=_precious)
        by_label: dict[str, list[AcceptedFile]] = defaultdict(list)
        for file in same:
            by_label[file.label].append(file)
        if len(by_label) > 1:
            out = same if conflicts == "drop" else []
            found.append(_repeat("conflict", same, out))
            left_out.update(file.key for file in out)
            if out:
                continue
        for copies in by_label.values():
            if len(copies) > 1:
                out = copies[1:] if duplicates == "drop" else []
                found.append(_repeat("duplicate", copies, out))
                left_out.update(file.key for file in out)
    found.sort(key=lambda one: (one.kind, one.filenames))
    if conflicts == "error":
        _refuse([one for one in found if one.kind == "conflict"])
    return found, left_out


def near(files: Iterable[AcceptedFile]) -> list[tuple[str, str]]:
    """Pairs of digests of pictures that look the same, sorted."""
    look_of = {file.sha256: file.look for file in files if file.look}
    digests = sorted(look_of)
    pairs = looks.near_pairs(looks.gather([look_of[digest] for digest in digests]))
    return [(digests[i], digests[j]) for i, j in pairs]


def together(files: Iterable[AcceptedFile], pairs: Iterable[tuple[str, str]]) -> list[Repeat]:
    """The files of `near`'s pairs, all that hang together as one repeat."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    names: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.sha256 in neighbours:
            names[file.sha256].append(file.filename)
    found = []
    while neighbours:
        pending = [next(iter(neighbours))]
        group: list[str] = []
        while pending:
            digest = pending.pop()
            if digest in neighbours:
                pending += neighbours.pop(digest)
                group += names[digest]
        found.append(Repeat("near-duplicate", tuple(sorted(group))))
    return sorted(found, key=lambda one: one.filenames)


def _precious(file: AcceptedFile) -> tuple[int, str, str]:
    given = _KEPT_FIRST.get(file.split, 2) if file.given else 3
    return given, file.filename, file.label


def _repeat(kind: str, files: Sequence[AcceptedFile], out: Sequence[AcceptedFile]) -> Repeat:
    return Repeat(
        kind,
        tuple(sorted(file.filename for file in files)),
        tuple(sorted(file.filename for file in out)),
    )


def _refuse(conflicts: Sequence[Repeat]) -> None:
    if not conflicts:
        return
    named = "; ".join(" = ".join(map(printable, one.filenames)) for one in conflicts[:_MAX_NAMED])
    more = len(conflicts) - _MAX_NAMED
    raise DataError(
        "No picture may be in several classes where data.conflicts is error. "
        f"Received: {named}{f'; and {more} more' if more > 0 else ''}; "
        "correct the labels, or set data.conflicts to drop."
    )
