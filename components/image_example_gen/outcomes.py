"""What the ingest found, counted, judged and written down; standard library only."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bitpipe.errors import DataError
from bitpipe.names import printable
from components.image_example_gen.listing import Listing

REPORT_FILE = "ingest.json"
REJECTED_FILE = "rejected.jsonl"

# Classes named in one sentence.
_MAX_NAMED_CLASSES = 20

# Conflicting groups spelled out in the report; a data set with more is beyond reading one by one.
_MAX_LISTED_CONFLICTS = 100


@dataclass(frozen=True, slots=True)
class AcceptedFile:
    """A picture that became an example of a split; its name as `bitpipe.names.storable`."""

    filename: str
    label: str
    split: str
    sha256: str
    changed: bool


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that became none, with the reason in words; its name as of an accepted one."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The outcome of one ingest.

    Attributes:
        path: the data folder.
        counts: examples per class and split, a zero for each pair without one.
        different: different pictures per class.
        moved: examples that are not in the split of their hash, so that each class has one in both.
        rejected: sorted by name.
        duplicates: examples whose picture another example already holds.
        conflicts: sorted names of each group of equal pictures with more than one label.
        changed: examples whose bytes were encoded anew, upright, as JPEG or PNG.
        loose_files: files directly in the data folder, which have no class.
        skipped: files below class folders that by their names are no pictures. With the examples
            and the rejected ones, these are all files that were found there.
        source: what the data were taken for, in words.
    """

    path: str
    counts: Mapping[str, Mapping[str, int]]
    different: Mapping[str, int]
    moved: int
    rejected: tuple[RejectedFile, ...]
    duplicates: int
    conflicts: tuple[tuple[str, ...], ...]
    changed: int
    loose_files: int
    skipped: int
    source: str

    @property
    def num_examples(self) -> int:
        """Examples of all splits."""
        return sum(sum(by_split.values()) for by_split in self.counts.values())

    def to_json(self) -> str:
        """The counts, as in `ingest.json`."""
        splits: dict[str, int] = {}
        for by_split in self.counts.values():
            for split, count in by_split.items():
                splits[split] = splits.get(split, 0) + count
        facts = {
            "source": self.source,
            "num_examples": self.num_examples,
            "splits": splits,
            "classes": self.counts,
            "moved": self.moved,
            "rejected": len(self.rejected),
            "duplicates": self.duplicates,
            "conflicting_duplicates": len(self.conflicts),
            "conflicts": self.conflicts[:_MAX_LISTED_CONFLICTS],
            "changed": self.changed,
            "loose_files": self.loose_files,
            "skipped": self.skipped,
        }
        return json.dumps(facts, indent=2) + "\n"

    def rejected_jsonl(self) -> str:
        """A line of JSON per rejected file, as in `rejected.jsonl`."""
        lines = ({"filename": file.filename, "reason": file.reason} for file in self.rejected)
        return "".join(json.dumps(line) + "\n" for line in lines)


def summarise(
    listing: Listing,
    outcomes: Iterable[AcceptedFile | RejectedFile],
    splits: Iterable[str],
    moves: Mapping[str, str] = MappingProxyType({}),
) -> IngestReport:
    """Counts the outcomes, which may come in any order; the report does not depend on it.

    Args:
        listing: of the data folder.
        outcomes: of all its pictures.
        splits: all splits.
        moves: digest -> the split where its examples are, not that of their outcomes.
    """
    splits = tuple(splits)
    counts = {label: dict.fromkeys(splits, 0) for label in listing.classes}
    rejected: list[RejectedFile] = []
    by_digest: dict[str, list[AcceptedFile]] = {}
    digests: dict[str, set[str]] = {label: set() for label in listing.classes}
    changed = moved = 0
    for outcome in outcomes:
        if isinstance(outcome, RejectedFile):
            rejected.append(outcome)
            continue
        split = moves.get(outcome.sha256, outcome.split)
        counts[outcome.label][split] += 1
        digests[outcome.label].add(outcome.sha256)
        moved += split != outcome.split
        by_digest.setdefault(outcome.sha256, []).append(outcome)
        changed += outcome.changed
    conflicts = sorted(
        tuple(sorted(file.filename for file in files))
        for files in by_digest.values()
        if len({file.label for file in files}) > 1
    )
    return IngestReport(
        path=listing.path,
        counts=counts,
        different={label: len(found) for label, found in digests.items()},
        moved=moved,
        rejected=tuple(sorted(rejected, key=lambda file: file.filename)),
        duplicates=sum(len(files) - 1 for files in by_digest.values()),
        conflicts=tuple(conflicts),
        changed=changed,
        loose_files=listing.loose_files,
        skipped=listing.skipped_files,
        source=listing.recognised,
    )


def check(
    report: IngestReport,
    *,
    max_rejected_share: float,
    required_splits: Sequence[str],
    rejected_list: str,
) -> None:
    """Refuses a data set from which no judged model can come.

    Args:
        report: of the finished ingest.
        max_rejected_share: 0 to 1, of all files.
        required_splits: the splits in which each class needs an example.
        rejected_list: where the user will find the list of rejected files.

    Raises:
        DataError: one sentence for the first broken rule, with the remedy.
    """
    num_files = report.num_examples + len(report.rejected)
    if not num_files:
        raise DataError(
            "The data folder must hold one folder of pictures per class, such as roses/1.jpg. "
            f"Received: no picture in any class folder of {report.path}; put the pictures there."
        )
    if not report.num_examples:
        raise DataError(
            "At least one picture must be readable. "
            f"Received: {num_files} files in {report.path}, all rejected ({_first(report)}); "
            f"replace them, see {rejected_list}."
        )
    if len(report.rejected) / num_files > max_rejected_share:
        raise DataError(
            f"At most {max_rejected_share:.1%} of the files may be unreadable. "
            f"Received: {len(report.rejected)} of {num_files} in {report.path} "
            f"({_first(report)}); repair or remove those listed in {rejected_list}, "
            "or raise data.max_rejected_share."
        )
    if len(report.counts) < 2:
        label = next(iter(report.counts))
        raise DataError(
            "A classifier needs at least 2 classes. "
            f"Received: only {label!r} in {report.path}; add a folder for each further class."
        )
    lacking = [
        _lacking(label, sum(by_split.values()), report.different[label], missing)
        for label, by_split in report.counts.items()
        if (missing := [split for split in required_splits if not by_split[split]])
    ]
    if lacking:
        named = "; ".join(lacking[:_MAX_NAMED_CLASSES])
        more = len(lacking) - _MAX_NAMED_CLASSES
        raise DataError(
            "Each class needs different readable pictures, one for "
            f"{' and one for '.join(required_splits)}. Received: {named}"
            f"{f'; and {more} more classes' if more > 0 else ''} in {report.path}; "
            "add other pictures, or remove the folder."
        )


def _lacking(label: str, readable: int, different: int, missing: Sequence[str]) -> str:
    """What is the matter with a class that has no example in a split."""
    if readable < 2:
        return f"{label!r} with {readable or 'no'} readable picture"
    if different < 2:
        return f"{label!r} with {readable} readable pictures that are all the same"
    # The others are kept where they are, by a split of their own or by copies in other classes.
    return f"{label!r} with {readable} readable pictures and none to spare for {missing[0]}"


def _first(report: IngestReport) -> str:
    shown = [f"'{printable(file.filename)}': {file.reason}" for file in report.rejected[:3]]
    more = len(report.rejected) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
