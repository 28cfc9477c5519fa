"""What a candidate must show, and what no model must ever be, whatever its accuracy.

Pure functions of numbers and names, so that each rule can be read and tried without a framework.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from bitpipe.model.calibration import Calibration
from bitpipe.model.signature import TOP_K
from components.gate import fitted, paired
from components.gate.comparison import Compared
from components.gate.measures import Measures
from components.gate.paired import Chance, Pairs
from components.gate.settings import GateSettings
from components.gate.verdict import Check
from components.gate.wording import ROUNDING, against, apart

_SHOWN = 12  # names in a sentence
_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top_5": "top-5 accuracy",
}
_UNTOUCHED = Calibration()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a candidate once the evaluation split has gone through it.

    Attributes:
        candidate: how it did on the whole split.
        compared: beside the model in service; None where it is judged alone.
        labels: classes that the candidate knows; needed beside `served_labels` alone.
        served_labels: classes that the model in service knows; None where there is none.
        calibration: what was set in the candidate once it was trained, and on which pictures.
    """

    candidate: Measures
    compared: Compared | None = None
    labels: tuple[str, ...] = ()
    served_labels: tuple[str, ...] | None = None
    calibration: Calibration = _UNTOUCHED

    @property
    def gone(self) -> list[str]:
        """Classes of the model in service that the candidate does not know."""
        return _missing(self.served_labels or (), self.labels)

    @property
    def new(self) -> list[str]:
        """Classes of the candidate that the model in service does not know."""
        return [] if self.served_labels is None else _missing(self.labels, self.served_labels)


def checks(facts: Facts, gate: GateSettings) -> list[Check]:
    """What came of each rule; the candidate may go on where all are passed."""
    found = facts.candidate
    if found.unusable:
        # Nothing else can be said of such a model.
        return [
            Check(
                rule="finite scores",
                passed=False,
                sentence=f"its scores are not finite numbers on {found.unusable} of "
                f"{found.pictures} evaluation pictures: training has diverged or the weights are "
                "damaged; lower train.learning_rate",
                required=0,
                measured=found.unusable,
                pictures=found.pictures,
            )
        ]
    return [
        _floor(found, gate),
        *_drop(facts.compared, gate),
        *_class_floors(found, gate),
        *_class_drops(facts.compared, gate),
        *_calibration(found, gate),
        *fitted.checks(found, facts.calibration, gate),
        *_changed_labels(facts, gate),
        *_removed_classes(facts, gate),
        *_unlearned_classes(found, gate),
        *_no_better_than_guessing(found),
        *_tells_nothing(found, gate),
    ]


def notes(facts: Facts, gate: GateSettings) -> list[str]:
    """What is worth knowing of a candidate that may go on nevertheless."""
    said = [
        *fitted.notes(facts.candidate, facts.calibration),
        *([f"new against the model in service: {_names(facts.new)}"] if facts.new else []),
        *([f"gone against the model in service: {_names(facts.gone)}"] if facts.gone else []),
    ]
    if facts.new or facts.gone:
        if facts.compared:
            said.append(
                f"compared on the {facts.compared.candidate.pictures} evaluation pictures of the "
                f"{len(facts.compared.candidate.counts)} classes that both models know "
                "(gate.on_label_change=judge_common)"
            )
        elif gate.on_label_change == "floor_only":
            said.append(
                "not compared with the model in service, which knows other classes "
                "(gate.on_label_change=floor_only)"
            )
        else:
            said.append("not compared with the model in service: no evaluation picture is of a "
                        "class that both know")  # fmt: skip
    if facts.compared and 0.5**facts.compared.candidate.pictures > gate.significance:
        said.append(
            f"on {facts.compared.candidate.pictures} pictures no drop can be told from noise at "
            f"gate.significance={gate.significance:g}; raise data.eval_share or add pictures"
        )
    return said


def _value(found: Measures, gate: GateSettings) -> float:
    value: float = getattr(found, gate.metric)
    return value


def _floor(found: Measures, gate: GateSettings) -> Check:
    value, floor = _value(found, gate), gate.min_accuracy
    passed = value >= floor - ROUNDING
    return against(
        "gate.min_accuracy",
        value,
        floor,
        found.pictures,
        passed=passed,
        says=f"{_NAMES[gate.metric]} {{measured}} on {found.pictures} pictures "
        f"{'reaches' if passed else 'is below'} the floor {{required}}",
    )


def _drop(compared: Compared | None, gate: GateSettings) -> Iterator[Check]:
    if compared is None:
        return
    by_class = compared.top_5 if gate.metric == "top_5" else compared.pairs
    pairs = paired.together(by_class.values())
    if gate.metric == "balanced_accuracy":
        change, chance = paired.balanced_change(by_class), paired.balanced_chance(by_class)
    else:
        change, chance = pairs.change, paired.chance(pairs)
    passed = -change <= gate.max_drop + ROUNDING or chance.drop > gate.significance
    name = _NAMES[gate.metric]
    new, old = apart(_value(compared.candidate, gate), _value(compared.baseline, gate))
    on = f"on the same {pairs.pictures} pictures"
    if not pairs.decided:
        sentence = f"{name} {new} {on} is that of the model in service: no picture tells them apart"
    elif abs(change) <= ROUNDING:
        sentence = f"{name} {new} {on} is that of the model in service; {_decided(pairs, None)}"
    elif change > 0:
        real = chance.gain <= gate.significance
        noise = "" if real else ", which is within the noise and counts as no gain"
        sentence = (
            f"{name} is {change:.4f} above the model in service {on} ({new} against {old})"
            f"{noise}; {_decided(pairs, chance.gain)}"
        )
    else:
        noise = (
            ", which is within the noise and counts as no drop"
            if chance.drop > gate.significance
            else f", {gate.max_drop:.4f} is allowed (gate.max_drop)"
        )
        sentence = (
            f"{name} is {-change:.4f} below the model in service {on} ({new} against {old})"
            f"{noise}; {_decided(pairs, chance.drop)}"
        )
    yield Check(
        rule="gate.max_drop",
        passed=passed,
        sentence=sentence,
        required=gate.max_drop,
        measured=-change,
        pictures=pairs.pictures,
    )


def _decided(pairs: Pairs, probability: float | None) -> str:
    """Which pictures told two models apart, and how often chance does so."""
    p = "" if probability is None else f" (p = {probability:.2g})"
    return (
        f"{pairs.decided} {'picture decides' if pairs.decided == 1 else 'pictures decide'}: only "
        f"the candidate is right on {pairs.gained}, only the model in service on {pairs.lost}{p}"
    )


def _class_floors(found: Measures, gate: GateSettings) -> Iterator[Check]:
    floor = gate.min_recall_per_class
    if floor is None:
        return
    recalls, counts = found.recalls, found.counts
    failing = [name for name, recall in recalls.items() if recall < floor - ROUNDING]
    # Where all keep it, the one that is nearest to the floor tells the rest.
    for name in failing or [min(recalls, key=lambda name: (recalls[name], name))]:
        measured, required = apart(recalls[name], floor)
        what = "is below" if failing else "is the lowest of a class, and reaches"
        yield Check(
            rule="gate.min_recall_per_class",
            passed=not failing,
            sentence=f"recall of class {name!r} {measured} on {counts[name]} pictures {what} the "
            f"floor {required} (gate.min_recall_per_class)",
            required=floor,
            measured=recalls[name],
            of_class=name,
            pictures=counts[name],
        )


def _class_drops(compared: Compared | None, gate: GateSettings) -> Iterator[Check]:
    allowed = gate.max_recall_drop_per_class
    if compared is None or allowed is None:
        return
    # Bonferroni: with 100 classes some drop a lot by chance alone.
    level = gate.significance / len(compared.pairs) if gate.significance < 1 else 1.0
    old = compared.baseline.recalls
    for name, pairs in compared.pairs.items():
        chance: Chance = paired.chance(pairs)
        if -pairs.change > allowed + ROUNDING and chance.drop <= level:
            yield Check(
                rule="gate.max_recall_drop_per_class",
                passed=False,
                sentence=f"recall of class {name!r} is {-pairs.change:.4f} below the model in "
                f"service on the same {pairs.pictures} pictures "
                f"({old[name] + pairs.change:.4f} against {old[name]:.4f}), {allowed:.4f} is "
                f"allowed (gate.max_recall_drop_per_class); {_decided(pairs, chance.drop)}",
                required=allowed,
                measured=-pairs.change,
                of_class=name,
                pictures=pairs.pictures,
            )


def _calibration(found: Measures, gate: GateSettings) -> Iterator[Check]:
    if gate.max_calibration_error is None:
        return
    value, most = found.calibration_error, gate.max_calibration_error
    passed = value <= most + ROUNDING
    yield against(
        "gate.max_calibration_error",
        value,
        most,
        found.pictures,
        passed=passed,
        says=f"calibration error {{measured}} on {found.pictures} pictures "
        f"{'is within' if passed else 'is above'} the {{required}} that is allowed",
    )


def _changed_labels(facts: Facts, gate: GateSettings) -> Iterator[Check]:
    if gate.on_label_change != "fail" or not (facts.new or facts.gone):
        return
    changes = [
        f"{what}: {_names(names)}" for what, names in (("new", facts.new), ("gone", facts.gone))
        if names
    ]  # fmt: skip
    yield Check(
        rule="gate.on_label_change",
        passed=False,
        sentence="the classes are not those of the model in service "
        f"({'; '.join(changes)}), and gate.on_label_change=fail refuses that",
        pictures=facts.candidate.pictures,
    )


def _removed_classes(facts: Facts, gate: GateSettings) -> Iterator[Check]:
    if not facts.gone or gate.allow_removed_classes or gate.on_label_change == "fail":
        return
    also = f" (new: {_names(facts.new)})" if facts.new else ""
    yield Check(
        rule="gate.allow_removed_classes",
        passed=False,
        sentence=f"classes of the model in service are missing: {_names(facts.gone)}{also}; "
        "complete the data, or set gate.allow_removed_classes=true",
        pictures=facts.candidate.pictures,
    )


def _unlearned_classes(found: Measures, gate: GateSettings) -> Iterator[Check]:
    never = [name for name, recall in found.recalls.items() if recall == 0]
    if never and not gate.allow_unlearned_classes:
        pictures = sum(found.counts[name] for name in never)
        yield Check(
            rule="gate.allow_unlearned_classes",
            passed=False,
            sentence=f"none of the {pictures} evaluation pictures of {_names(never)} is "
            "recognised; add pictures or train longer, or set gate.allow_unlearned_classes=true",
            measured=0,
            of_class=never[0] if len(never) == 1 else None,
            pictures=pictures,
        )


def _no_better_than_guessing(found: Measures) -> Iterator[Check]:
    """Of the answers that are given: to give few is no guessing."""
    largest, count = found.largest_class
    answered = found.pictures - found.unknown
    # Both are ratios of whole numbers.
    if found.right * found.pictures <= count * answered and len(found.counts) > 1:
        share = count / found.pictures
        value = found.precision or 0.0
        what = "precision" if found.unknown else "accuracy"
        yield Check(
            rule="largest class",
            passed=False,
            sentence=f"{what} {value:.4f} is no better than always answering the "
            f"largest class ({largest!r}, {share:.4f} of the {found.pictures} evaluation pictures)",
            required=share,
            measured=value,
            pictures=answered,
        )


def _tells_nothing(found: Measures, gate: GateSettings) -> Iterator[Check]:
    """On a cluster the number of classes is known to the stages alone."""
    if gate.metric == "top_5" and len(found.classes) <= TOP_K:
        yield Check(
            rule="gate.metric",
            passed=False,
            sentence=f"gate.metric=top_5 tells nothing of {len(found.classes)} classes, of which "
            f"the best {TOP_K} always hold the right one; use accuracy or balanced_accuracy",
            pictures=found.pictures,
        )


def _missing(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    known = set(there)
    return [name for name in wanted if name not in known]


def _names(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
