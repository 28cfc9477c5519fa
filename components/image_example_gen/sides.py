"""Which split each picture goes to: what belongs together stays together.

Three rules, of which the later ones give way where not all can hold:

1. A split that the data bring is kept. Equal pictures, and pictures of one group, are in one split;
   only where data bring them in several are they left there, and told.
2. Each class has a picture in each required split, if it has two that rule 1 lets apart.
3. Pictures that look the same are in one split. A class that rule 2 could not be kept for is taken
   apart by its pictures' content, as if none looked like another.

What is left is decided by a hash, of the group's name or else the smallest digest of the pictures
that belong together. So no picture changes sides when others are added, but for these: one that
looks like them and has a smaller digest, or joins two of them; and, in a class that would have none
on a side, the one picture (or what belongs together) that fills in.
"""

import bisect
import functools
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.outcomes import AcceptedFile, Key

# Where pictures without a split go that belong to pictures which were given several.
_PRECEDENCE = {"test": 0, "eval": 1}

# TFX hashes the serialised feature: a bytes_list (field 1) of 66 bytes, with a value of 64.
_FEATURE = b"\n\x42\n\x40"


def split_of(key: str, buckets: Mapping[str, int]) -> str:
    """The split whose hash buckets a key falls into.

    As TFX's ExampleGen partitions by a feature, so that the configuration means what it says there.

    Args:
        key: 64 hexadecimal digits: a digest, or what `group_key` makes of a group.
        buckets: per split, in their order; 0 for one that gets none.
    """
    names, ends = _ends(tuple(buckets.items()))
    digest = hashlib.sha256(_FEATURE + key.encode()).digest()
    return names[bisect.bisect(ends, int.from_bytes(digest, "big") % ends[-1])]


@functools.cache
def _ends(buckets: tuple[tuple[str, int], ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the splits, and the first bucket behind each."""
    return tuple(name for name, _ in buckets), tuple(
        itertools.accumulate(count for _, count in buckets)
    )


def choose_split(picture: ListedPicture, digest: str, buckets: Mapping[str, int]) -> str:
    """The split that the picture was given, or else that of its group, or of its pixels."""
    if picture.split is not None:
        return picture.split
    return split_of(group_key(picture.group) if picture.group else digest, buckets)


def group_key(group: str) -> str:
    """The key of a group's pictures, whatever they show."""
    return hashlib.sha256(f"group {group}".encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(slots=True)
class _Unit:
    """Pictures that go to one split together."""

    files: list[AcceptedFile]
    key: str
    split: str

    @property
    def labels(self) -> set[str]:
        return {file.label for file in self.files}

    @property
    def rank(self) -> tuple[int, str]:
        return len({file.sha256 for file in self.files}), self.key  # copies do not count


@dataclass(frozen=True, slots=True)
class Sides:
    """The splits of all files.

    Attributes:
        splits: of each file by its key.
        units: how many parts of each class could go to different splits.
        taken_apart: classes whose pictures that look the same may be in different splits.
        across: sorted names of pictures that belong together, and were given several splits.
    """

    splits: Mapping[Key, str]
    units: Mapping[str, int]
    taken_apart: tuple[str, ...]
    across: tuple[tuple[str, ...], ...]


def assign(
    files: Sequence[AcceptedFile],
    near: Iterable[tuple[str, str]],
    buckets: Mapping[str, int],
    required: Collection[str],
) -> Sides:
    """Decides on the split of each file.

    Args:
        files: that become examples, in any order.
        near: digests of pictures that look the same, in pairs.
        buckets: as of `split_of`.
        required: splits in which each class needs a picture.
    """
    near = list(near)
    labels: dict[str, set[str]] = defaultdict(set)
    for file in files:
        labels[file.sha256].add(file.label)
    apart: set[str] = set()
    while True:
        links = [pair for pair in near if not any(labels[one] & apart for one in pair)]
        units = _units(files, links, buckets)
        lacking = _fill(units, required)
        held = {label for pair in links for one in pair for label in labels[one]}
        if not lacking & held:
            break
        apart |= lacking & held
    count: dict[str, int] = defaultdict(int)
    for unit in units:
        for label in unit.labels:
            count[label] += 1
    across = sorted(
        tuple(sorted(file.filename for file in unit.files))
        for unit in units
        if len(unit.files) > 1 and len({file.split for file in unit.files if file.given}) > 1
    )
    splits = {
        file.key: file.split if file.given else unit.split for unit in units for file in unit.files
    }
    return Sides(splits, dict(count), tuple(sorted(apart)), tuple(across))


def _units(
    files: Sequence[AcceptedFile], links: Iterable[tuple[str, str]], buckets: Mapping[str, int]
) -> list[_Unit]:
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for file in files:
        if file.group is not None:
            parent[root(file.sha256)] = root(group_key(file.group))
    for one, other in links:
        parent[root(one)] = root(other)
    by_root: dict[str, list[AcceptedFile]] = defaultdict(list)
    for file in files:
        # Most belong to nothing.
        by_root[root(file.sha256) if file.sha256 in parent else file.sha256].append(file)
    units = [_unit(together, buckets) for together in by_root.values()]
    return sorted(units, key=lambda unit: unit.key)


def _unit(files: list[AcceptedFile], buckets: Mapping[str, int]) -> _Unit:
    groups = {group_key(file.group) for file in files if file.group is not None}
    key = min(groups or {file.sha256 for file in files})
    given = {file.split for file in files if file.given}
    if given:
        return _Unit(files, key, min(given, key=lambda one: (_PRECEDENCE.get(one, 2), one)))
    # Alone, it is where `choose_split` has put it.
    return _Unit(files, key, files[0].split if len(files) == 1 else split_of(key, buckets))


def _fill(units: Iterable[_Unit], required: Collection[str]) -> set[str]:
    """Moves units so that each class has one in each required split; those where that failed.

    Of a class that has none there the smallest unit goes, of equally small ones that with the
    smallest key; never so that a class loses its last one in another required split.
    """
    by_class: dict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        for label in unit.labels:
            by_class[label].append(unit)

    def holding(label: str, split: str) -> Iterator[_Unit]:
        for unit in by_class[label]:
            if any(
                file.label == label and (file.split if file.given else unit.split) == split
                for file in unit.files
            ):
                yield unit

    def is_last(label: str, split: str) -> bool:
        return len(list(itertools.islice(holding(label, split), 2))) == 1

    lacking = set()
    for label in sorted(by_class):
        for split in required:
            if any(True for _ in holding(label, split)):
                continue
            for unit in sorted(by_class[label], key=lambda unit: unit.rank):
                if any(file.given for file in unit.files) or (
                    unit.split in required and any(is_last(one, unit.split) for one in unit.labels)
                ):
                    continue
                unit.split = split
                break
            else:
                lacking.add(label)
    return lacking
