"""What is told of the pictures before anything is trained: pure functions of counts.

Every rule says its sentence whether it is kept or not; where it is broken the sentence ends with
what to do.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from bitpipe.names import printable
from components.data_checks.results import Check
from components.data_checks.settings import CheckSettings, Severity

_SHOWN = 12  # names in a sentence
# Fewer pictures of a class than that have one size by chance.
_ENOUGH = 5
# A size gives a class away where no more than this share of the others have it.
_RARE = 0.1
# A smaller picture is enlarged more than twice.
_SMALLEST_OF_SIZE = 0.5

_BETWEEN_WORDS = re.compile(r"[\s_-]+")

Size = tuple[int, int]  # width and height, pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of the pictures.

    Attributes:
        classes: class -> split -> pictures, as in `ingest.json`.
        shorter_sides: pixels of the shorter side -> pictures.
        sizes: class -> its most frequent sizes -> pictures.
        single_colour: how many pictures show nothing but one colour.
        of_one_colour: names of the first of them.
        size: side in pixels of what the served network is shown.
        served: classes of the model in service, with its version; None where there is none, or
            where it knows just these classes.
        before: class -> pictures, of those that were checked last; None where there are none.
        anomalies: sentences of TFX's ExampleValidator.
    """

    classes: Mapping[str, Mapping[str, int]]
    shorter_sides: Mapping[int, int] = dataclasses.field(default_factory=dict)
    sizes: Mapping[str, Mapping[Size, int]] = dataclasses.field(default_factory=dict)
    single_colour: int = 0
    of_one_colour: Sequence[str] = ()
    size: int = 0
    served: tuple[Sequence[str], str] | None = None
    before: Mapping[str, int] | None = None
    anomalies: Sequence[str] = ()

    @property
    def pictures(self) -> dict[str, int]:
        """Class -> pictures, all splits together."""
        return {name: sum(by_split.values()) for name, by_split in self.classes.items()}


@dataclasses.dataclass(frozen=True)
class _Found:
    passed: bool
    sentence: str
    measured: float | None = None
    limit: float | None = None


def checks(facts: Facts, settings: CheckSettings) -> list[Check]:
    """What came of each rule that is not `off` and of which the facts tell."""
    rules = {
        "new_classes": _new_classes(facts),
        "vanished_classes": _vanished_classes(facts),
        "similar_names": _similar_names(facts),
        "imbalance": _imbalance(facts, settings.max_imbalance),
        "share_drift": _share_drift(facts, settings.max_share_drift),
        "small_pictures": _small_pictures(facts, settings.max_small_share),
        "one_size": _one_size(facts, settings.max_one_size_share),
        "single_colour": _single_colour(facts, settings.max_single_colour),
        "anomalies": _anomalies(facts),
    }
    found = []
    for name, results in rules.items():
        severity: Severity = getattr(settings, name)
        if severity != "off":
            found += [
                Check(
                    rule=f"checks.{name}",
                    severity=severity,
                    passed=one.passed,
                    sentence=one.sentence,
                    measured=one.measured,
                    limit=one.limit,
                )
                for one in results
            ]
    return found


def _new_classes(facts: Facts) -> Iterator[_Found]:
    if facts.served is None:
        return
    labels, version = facts.served
    new = sorted(set(facts.classes) - set(labels))
    if not new:
        yield _Found(True, f"the model in service, version {version}, knows every class", 0, 0)
        return
    yield _Found(
        False,
        f"{_classes(new)} new: the model in service, version {version}, does not know "
        f"{_them(new)}. If {_that(new)} no class, correct the folder or the label",
        len(new),
        0,
    )


def _vanished_classes(facts: Facts) -> Iterator[_Found]:
    if facts.served is None:
        return
    labels, version = facts.served
    gone = sorted(set(labels) - set(facts.classes))
    if not gone:
        yield _Found(
            True, f"every class of the model in service, version {version}, has pictures", 0, 0
        )
        return
    yield _Found(
        False,
        f"{_classes(gone)} gone: the model in service, version {version}, knows {_them(gone)}, "
        "and there is no picture any more. If the pictures are half copied, copy the others; if "
        "not, gate.allow_removed_classes=true lets such a model into service",
        len(gone),
        0,
    )


def _similar_names(facts: Facts) -> Iterator[_Found]:
    alike: dict[str, list[str]] = {}
    for name in sorted(facts.classes):
        # As file systems do and people read: letters composed or not, large or small.
        letters = unicodedata.normalize("NFKC", name).casefold()
        alike.setdefault(_BETWEEN_WORDS.sub("", letters), []).append(name)
    groups = [names for names in alike.values() if len(names) > 1]
    if not groups:
        yield _Found(True, "no two classes have names that read alike", 0, 0)
    for names in groups:
        quoted = [f"'{printable(name)}'" for name in names]
        yield _Found(
            False,
            f"the names of the classes {' and '.join(quoted)} read alike. "
            "If these are one class, give their folders or labels one name",
            len(names),
            0,
        )


def _imbalance(facts: Facts, limit: float) -> Iterator[_Found]:
    counts = {name: by_split.get("train", 0) for name, by_split in facts.classes.items()}
    # The ingest gives every class a training picture.
    largest = max(counts, key=lambda name: (counts[name], name))
    smallest = min(counts, key=lambda name: (counts[name], name))
    ratio = counts[largest] / max(counts[smallest], 1)
    told = (
        f"the largest class, {printable(largest)}, has {counts[largest]} training pictures, the "
        f"smallest, {printable(smallest)}, {counts[smallest]}: 1 for each {ratio:.1f}"
    )
    remedy = (
        f", more than {limit:g} (checks.max_imbalance). Add pictures of the smaller ones, or "
        "set train.class_weights=balanced and judge with gate.metric=balanced_accuracy"
    )
    yield _up_to(limit, ratio, told, remedy)


def _share_drift(facts: Facts, limit: float) -> Iterator[_Found]:
    now, before = facts.pictures, facts.before
    if not before or not sum(before.values()):
        return
    shares = {
        name: (before.get(name, 0) / sum(before.values()), now.get(name, 0) / sum(now.values()))
        for name in {*now, *before}
    }
    name = max(shares, key=lambda name: (abs(shares[name][1] - shares[name][0]), name))
    old, new = shares[name]
    told = (
        f"the class {printable(name)} had {old:.1%} of the pictures that were checked last, and "
        f"now has {new:.1%}"
    )
    remedy = (
        f": more than {limit:g} (checks.max_share_drift) apart. See whether all pictures of "
        "all classes are there"
    )
    yield _up_to(limit, abs(new - old), told, remedy)


def _small_pictures(facts: Facts, limit: float) -> Iterator[_Found]:
    total = sum(facts.shorter_sides.values())
    if not total or not facts.size:
        return
    least = _SMALLEST_OF_SIZE * facts.size
    small = sum(count for side, count in facts.shorter_sides.items() if side < least)
    told = (
        f"{small} of {total} pictures have a side of less than {least:g} pixels, half of the "
        f"{facts.size} that the network is shown"
    )
    remedy = (
        f": more than {limit:g} of all (checks.max_small_share). Find larger ones, or set a "
        "smaller train.eval_size, train.crop and train.resize"
    )
    yield _up_to(limit, small / total, told, remedy)


def _one_size(facts: Facts, limit: float) -> Iterator[_Found]:
    totals = facts.pictures
    total = sum(totals.values())
    counts: dict[Size, int] = {}
    for sizes in facts.sizes.values():
        for size, count in sizes.items():
            counts[size] = counts.get(size, 0) + count
    if not counts:
        return
    most = max(counts, key=lambda size: (counts[size], size))
    share = counts[most] / total
    told = f"{counts[most]} of {total} pictures are {_pixels(most)}"
    # Pictures of one size alone, as most data sets of research have, are as good as any.
    one_of_many = limit < share < 1
    if one_of_many:
        told += (
            f", more than {limit:g} of all (checks.max_one_size_share), and {total - counts[most]} "
            "are not: look whether one of both are thumbnails or placeholders"
        )
    yield _Found(not one_of_many, told, share, limit)
    for name, sizes in facts.sizes.items():
        size = max(sizes, key=lambda size: (sizes[size], size))
        own, others = totals[name], total - totals[name]
        if own < _ENOUGH or not others or sizes[size] <= limit * own:
            continue
        elsewhere = (counts[size] - sizes[size]) / others
        if elsewhere <= _RARE:
            yield _Found(
                False,
                f"{sizes[size]} of {own} pictures of the class {printable(name)} are "
                f"{_pixels(size)}, and {elsewhere:.1%} of the others: a model may learn the size "
                "instead of what is to be seen. Take all classes from sources of the same kind",
                sizes[size] / own,
                limit,
            )


def _single_colour(facts: Facts, limit: int) -> Iterator[_Found]:
    if not facts.sizes:  # of an ingest that has not looked
        return
    number = facts.single_colour
    told = f"{number} pictures show nothing but one colour"
    if number == 1:
        told = "1 picture shows nothing but one colour"
    most = f"more than {limit} (checks.max_single_colour), " if limit else ""
    remedy = f", {most}such as {_names(facts.of_one_colour, 3)}. Remove them"
    yield _up_to(limit, number, told, remedy)


def _anomalies(facts: Facts) -> Iterator[_Found]:
    if not facts.anomalies:
        yield _Found(True, "the other splits look like the training split", 0, 0)
    for sentence in facts.anomalies:
        yield _Found(False, sentence, None, None)


def _up_to(limit: float, measured: float, told: str, remedy: str) -> _Found:
    """A rule that is broken above its limit; `remedy` ends the sentence then."""
    passed = measured <= limit
    return _Found(passed, told if passed else told + remedy, measured, limit)


def _classes(names: Sequence[str]) -> str:
    return f"{'class' if len(names) == 1 else 'classes'} {_names(names)} " + (
        "is" if len(names) == 1 else "are"
    )


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _that(names: Sequence[str]) -> str:
    return "that is" if len(names) == 1 else "one of them is"


def _pixels(size: Size) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _names(names: Sequence[str], shown: int = _SHOWN) -> str:
    listed = ", ".join(printable(name) for name in names[:shown])
    return f"{listed} and {len(names) - shown} more" if len(names) > shown else listed
