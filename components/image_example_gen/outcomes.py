"""What the ingest found, counted, judged and written down."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from bitpipe.errors import DataError
from bitpipe.names import printable
from bitpipe.wording import counted
from components.image_example_gen.listing import Listing

REPORT_FILE = "ingest.json"
REJECTED_FILE = "rejected.jsonl"
REPEATED_FILE = "repeated.jsonl"

Key = tuple[str, str]  # filename and label, which no two examples share

# Classes named in one sentence.
_MAX_NAMED_CLASSES = 20

# Conflicting groups spelled out in the report; a data set with more is beyond reading one by one.
_MAX_LISTED_CONFLICTS = 100


class AcceptedFile(msgspec.Struct, frozen=True, gc=False):
    """A picture that can become an example; its name as `bitpipe.names.storable`.

    Attributes:
        filename: as of the example.
        label: as of the example.
        split: where its record was written first.
        sha256: of its pixels.
        changed: whether it was encoded anew.
        group: see `ListedPicture`.
        given: whether the data say that it belongs to this split.
        look: see `looks.look`; empty for one that looks like no other.
        width: pixels.
        height: pixels.
        single_colour: whether it shows nothing else.
    """

    filename: str
    label: str
    split: str
    sha256: str
    changed: bool
    group: str | None = None
    given: bool = False
    look: str = ""
    width: int = 0
    height: int = 0
    single_colour: bool = False

    @property
    def key(self) -> Key:
        """Tells it from all others."""
        return self.filename, self.label


class RejectedFile(msgspec.Struct, frozen=True, gc=False):
    """A file that became none; its name as of an accepted one.

    Attributes:
        filename: as of an accepted one.
        reason: in words.
        kind: a word of `bitpipe.rejections.RejectionKind`.
    """

    filename: str
    reason: str
    kind: str = "damaged"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Files that show one picture.

    Attributes:
        kind: `duplicate`: equal pixels, one class; `conflict`: equal pixels, several classes;
            `near-duplicate`: nearly equal to look at.
        filenames: sorted.
        left_out: those of them that become no examples.
    """

    kind: str
    filenames: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The outcome of one ingest.

    Attributes:
        path: the data folder.
        source: what the data were taken for, in words.
        found: files that were found there. They are the examples, and what was left out, rejected,
            skipped and loose.
        counts: examples per class and split, a zero for each pair without one.
        units: per class, parts of it that could go to different splits; see `sides`.
        moved: examples that are not in the split of their hash, so that each class has one in both,
            and that what belongs together is in one.
        rejected: sorted by name.
        repeats: of all three kinds, sorted.
        duplicates: files whose picture another file of the data already holds.
        left_out_of: per class, files that became no example as they are duplicates or conflicts.
        across: sorted names of pictures that belong together, and are given to several splits.
        taken_apart: see `sides.Sides`.
        changed: examples whose bytes were encoded anew, upright, as JPEG or PNG.
        loose_files: files directly in the data folder, which have no class.
        skipped: files below class folders that by their names are no pictures.
        appearance: see `appearance.describe`.
    """

    path: str
    source: str
    found: int
    counts: Mapping[str, Mapping[str, int]]
    units: Mapping[str, int]
    moved: int
    rejected: tuple[RejectedFile, ...]
    repeats: tuple[Repeat, ...]
    duplicates: int
    left_out_of: Mapping[str, int]
    across: tuple[tuple[str, ...], ...]
    taken_apart: tuple[str, ...]
    changed: int
    loose_files: int
    skipped: int
    appearance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Files that became no example as they are duplicates or conflicts."""
        return sum(self.left_out_of.values())

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
        conflicts = [one.filenames for one in self.repeats if one.kind == "conflict"]
        facts = {
            "source": self.source,
            "found": self.found,
            "num_examples": self.num_examples,
            "splits": splits,
            "classes": self.counts,
            "moved": self.moved,
            "rejected": len(self.rejected),
            "rejected_by_kind": dict(sorted(Counter(one.kind for one in self.rejected).items())),
            "duplicates": self.duplicates,
            "left_out": self.left_out,
            "conflicting_duplicates": len(conflicts),
            "conflicts": conflicts[:_MAX_LISTED_CONFLICTS],
            "near_duplicates": sum(one.kind == "near-duplicate" for one in self.repeats),
            "across_splits": self.across[:_MAX_LISTED_CONFLICTS],
            "taken_apart": self.taken_apart,
            "changed": self.changed,
            "loose_files": self.loose_files,
            "skipped": self.skipped,
            "appearance": self.appearance,
        }
        return json.dumps(facts, indent=2) + "\n"

    def rejected_jsonl(self) -> str:
        """A line of JSON per rejected file, as in `rejected.jsonl`."""
        return "".join(json.dumps(msgspec.structs.asdict(file)) + "\n" for file in self.rejected)

    def repeated_jsonl(self) -> str:
        """A line of JSON for all files that show one picture, as in `repeated.jsonl`."""
        return "".join(json.dumps(asdict(one)) + "\n" for one in self.repeats)


def summarise(
    listing: Listing,
    outcomes: Iterable[AcceptedFile | RejectedFile],
    splits: Mapping[Key, str],
    *,
    all_splits: Iterable[str],
    units: Mapping[str, int] = MappingProxyType({}),
    repeats: Iterable[Repeat] = (),
    across: tuple[tuple[str, ...], ...] = (),
    taken_apart: tuple[str, ...] = (),
    appearance: Mapping[str, Any] = MappingProxyType({}),
) -> IngestReport:
    """Counts the outcomes, which may come in any order; the report does not depend on it.

    Args:
        listing: of the data folder.
        outcomes: of all its pictures.
        splits: where those are that became examples, by their keys.
        all_splits: the splits that there are, with and without examples.
        units: as of the report, like all that follows.
        repeats: in any order.
        across: as of the report.
        taken_apart: as of the report.
        appearance: as of the report.

    Raises:
        RuntimeError: files were lost, or counted twice.
    """
    names = tuple(all_splits)
    counts = {label: dict.fromkeys(names, 0) for label in listing.classes}
    rejected: list[RejectedFile] = []
    files_of: dict[str, int] = {}
    left_out_of = dict.fromkeys(listing.classes, 0)
    changed = moved = 0
    for outcome in outcomes:
        if isinstance(outcome, RejectedFile):
            rejected.append(outcome)
            continue
        files_of[outcome.sha256] = files_of.get(outcome.sha256, 0) + 1
        split = splits.get(outcome.key)
        if split is None:
            left_out_of[outcome.label] += 1
            continue
        counts[outcome.label][split] += 1
        moved += split != outcome.split
        changed += outcome.changed
    report = IngestReport(
        path=listing.path,
        source=listing.recognised,
        found=listing.found,
        counts=counts,
        units={label: units.get(label, 0) for label in listing.classes},
        moved=moved,
        rejected=tuple(sorted(rejected, key=lambda file: file.filename)),
        repeats=tuple(sorted(repeats, key=lambda one: (one.kind, one.filenames))),
        duplicates=sum(count - 1 for count in files_of.values()),
        left_out_of=left_out_of,
        across=across,
        taken_apart=taken_apart,
        changed=changed,
        loose_files=listing.loose_files,
        skipped=listing.skipped_files,
        appearance=dict(appearance),
    )
    told = (
        report.num_examples + report.left_out + len(rejected) + report.loose_files + report.skipped
    )
    if told != report.found:
        raise RuntimeError(
            f"Of {report.found} files in {report.path} {told} are accounted for: {report}"[:1000]
        )
    return report


def check(
    report: IngestReport,
    *,
    max_rejected_share: float,
    max_rejected: int | None = None,
    required_splits: Sequence[str],
    rejected_list: str,
) -> None:
    """Refuses a data set from which no judged model can come.

    Args:
        report: of the finished ingest.
        max_rejected_share: 0 to 1, of all files.
        max_rejected: the same as a number; None for no limit.
        required_splits: the splits in which each class needs an example.
        rejected_list: where the user will find the list of rejected files.

    Raises:
        DataError: one sentence for the first broken rule, with the remedy.
    """
    num_files = report.num_examples + report.left_out + len(report.rejected)
    if not num_files:
        raise DataError(
            "The data folder must hold one folder of pictures per class, such as roses/1.jpg. "
            f"Received: no picture in any class folder of {report.path}; put the pictures there."
        )
    if not report.num_examples and not report.left_out:
        raise DataError(
            "At least one picture must be readable. "
            f"Received: {counted(num_files, 'file')} in {report.path}, all rejected "
            f"({_first(report)}); "
            f"replace them, see {rejected_list}."
        )
    if len(report.rejected) / num_files > max_rejected_share:
        raise DataError(
            f"At most {max_rejected_share:.1%} of the files may be unreadable. "
            f"Received: {len(report.rejected)} of {num_files} in {report.path} "
            f"({_first(report)}); repair or remove those listed in {rejected_list}, "
            "or raise data.max_rejected_share."
        )
    if max_rejected is not None and len(report.rejected) > max_rejected:
        raise DataError(
            f"At most {counted(max_rejected, 'file')} may be unreadable. "
            f"Received: {len(report.rejected)} of {num_files} in {report.path} "
            f"({_first(report)}); repair or remove those listed in {rejected_list}, "
            "or raise data.max_rejected."
        )
    if len(report.counts) < 2:
        label = next(iter(report.counts))
        raise DataError(
            "A classifier needs at least 2 classes. "
            f"Received: only {label!r} in {report.path}; add a folder for each further class."
        )
    lacking = [
        _lacking(report, label, missing)
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


def _lacking(report: IngestReport, label: str, missing: Sequence[str]) -> str:
    """What is the matter with a class that has no example in a split."""
    count, out = sum(report.counts[label].values()), report.left_out_of[label]
    readable = f"{label!r} with {count or 'no'} readable picture{'s' if count > 1 else ''}"
    if out:
        readable += f" beside {out} that are copies or in other classes, too"
    if count < 2:
        return readable
    if report.units[label] < 2:
        return f"{readable} that all belong together"
    # The others are kept where they are, by a split of their own or by what belongs to them.
    return f"{readable} and none to spare for {missing[0]}"


def _first(report: IngestReport) -> str:
    shown = [f"'{printable(file.filename)}': {file.reason}" for file in report.rejected[:3]]
    more = len(report.rejected) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
