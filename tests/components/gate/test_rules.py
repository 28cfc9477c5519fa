"""What a candidate must show, and what no model must ever be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import ConfigError
from bitpipe.model.calibration import Calibration
from components.gate import rules
from components.gate.comparison import compare
from components.gate.measures import measure
from components.gate.settings import GateSettings, RejectBelow, check, check_classes
from tests.components.gate.answers import shown

LENIENT = GateSettings(min_accuracy=0.0)


def judged(*groups, labels=("ant", "bee"), served_labels=("ant", "bee"), known=("ant", "bee")):
    """Facts of pictures: (label, candidate's answer, the other's, how many); `...` for no other."""
    shows = [
        shown(label, best, baseline, known=known)
        for label, best, baseline, number in groups
        for _ in range(number)
    ]
    compared = compare(lambda: shows)
    return rules.Facts(
        candidate=measure(shows), compared=compared, labels=labels,
        served_labels=served_labels if compared else None,
    )  # fmt: skip


def sound(**changes):
    """Two classes, both learned, the model in service answers the same."""
    return judged(("ant", "ant", "ant", 5), ("bee", "bee", "bee", 4), ("bee", "ant", "ant", 1),
                  **changes)  # fmt: skip


def objections(facts, gate=LENIENT):
    return [one.sentence for one in rules.checks(facts, gate) if not one.passed]


def the(rule, facts, gate=LENIENT):
    (found,) = [one for one in rules.checks(facts, gate) if one.rule == rule]
    return found


def test_a_sound_model_meets_no_objection_and_no_note():
    assert objections(sound()) == []
    assert rules.notes(sound(), LENIENT) == []


def test_a_verdict_names_rule_requirement_measure_class_and_pictures():
    facts = judged(("ant", "ant", ..., 7), ("bee", "bee", ..., 1), ("bee", "ant", ..., 2))
    found = the("gate.min_recall_per_class", facts, GateSettings(min_recall_per_class=0.5))
    assert (found.passed, found.of_class, found.pictures) == (False, "bee", 3)
    assert (found.required, found.measured) == (0.5, pytest.approx(1 / 3))
    assert found.sentence == (
        "recall of class 'bee' 0.3333 on 3 pictures is below the floor 0.5000 "
        "(gate.min_recall_per_class)"
    )


def test_where_every_class_keeps_its_floor_the_lowest_is_named():
    found = the("gate.min_recall_per_class", sound(), GateSettings(min_recall_per_class=0.8))
    assert found.passed
    assert "class 'bee' 0.8000 on 5 pictures is the lowest" in found.sentence


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "top_5"])
@given(floor=st.floats(0, 1))
def test_the_floor_is_one_of_the_chosen_metric(metric, floor):
    facts = judged(("ant", "ant", ..., 8), ("bee", "bee", ..., 1), ("bee", "ant", ..., 1))
    value = {"accuracy": 0.9, "balanced_accuracy": 0.75, "top_5": 1.0}[metric]
    found = the("gate.min_accuracy", facts, GateSettings(metric=metric, min_accuracy=floor))
    assert found.measured == pytest.approx(value)
    assert found.passed == (value >= floor - 1e-9)


def test_a_floor_that_is_missed_by_a_hair_is_told_from_it():
    facts = judged(("ant", "ant", ..., 2), ("bee", "bee", ..., 1), ("bee", "ant", ..., 1))
    (said,) = objections(facts, GateSettings(min_accuracy=0.7500001))
    assert "accuracy 0.7500000 on 4 pictures is below the floor 0.7500001" in said


@pytest.mark.parametrize(
    ("lost", "level", "passed", "words"),
    [
        (4, 0.05, True, "within the noise and counts as no drop"),  # 1 in 16
        (5, 0.05, False, "0.0000 is allowed (gate.max_drop)"),  # 1 in 32
        (5, 0.01, True, "within the noise"),
        (1, 1.0, False, "0.0000 is allowed"),
    ],
)
def test_a_drop_counts_where_chance_would_hardly_bring_it(lost, level, passed, words):
    facts = judged(("ant", "ant", "ant", 50), ("bee", "bee", "bee", 50 - lost),
                   ("bee", "ant", "bee", lost))  # fmt: skip
    gate = GateSettings(significance=level, max_recall_drop_per_class=None)
    found = the("gate.max_drop", facts, gate)
    assert found.passed == passed
    assert words in found.sentence
    decided = "1 picture decides" if lost == 1 else f"{lost} pictures decide"
    assert f"{decided}: only the candidate is right on 0, only the model" in found.sentence


@given(lost=st.integers(0, 40), gained=st.integers(0, 40), drop=st.floats(0, 0.5))
def test_no_drop_within_what_is_allowed_is_ever_refused(lost, gained, drop):
    facts = judged(("ant", "ant", "ant", 20), ("bee", "bee", "bee", 20),
                   ("bee", "ant", "bee", lost), ("bee", "bee", "ant", gained))  # fmt: skip
    found = the("gate.max_drop", facts, GateSettings(max_drop=drop))
    assert found.passed or (lost - gained) / (40 + lost + gained) > drop
    assert found.measured == pytest.approx((lost - gained) / (40 + lost + gained))


def test_a_gain_within_the_noise_counts_as_none():
    facts = judged(("ant", "ant", "ant", 50), ("bee", "bee", "bee", 48), ("bee", "bee", "ant", 2))
    assert "counts as no gain" in the("gate.max_drop", facts).sentence
    facts = judged(("ant", "ant", "ant", 50), ("bee", "bee", "bee", 40), ("bee", "bee", "ant", 10))
    assert "noise" not in the("gate.max_drop", facts).sentence


def test_a_class_that_collapses_is_refused_though_the_whole_gained():
    facts = judged(("ant", "ant", "bee", 60), ("ant", "ant", "ant", 20), ("bee", "bee", "bee", 10),
                   ("bee", "ant", "bee", 10))  # fmt: skip
    (said,) = objections(facts)
    assert "recall of class 'bee' is 0.5000 below the model in service on the same 20" in said
    assert "(0.5000 against 1.0000), 0.2500 is allowed (gate.max_recall_drop_per_class)" in said
    assert objections(facts, GateSettings(max_recall_drop_per_class=0.5)) == []
    assert objections(facts, GateSettings(max_recall_drop_per_class=None)) == []


def test_of_many_classes_none_is_refused_for_what_chance_does_to_one_of_them():
    names = [f"class {number}" for number in range(100)]
    unlucky = [(names[0], names[1], names[0], 6), (names[0], names[0], names[0], 10)]
    many = [(name, name, name, 9) for name in names[1:]]
    facts = judged(*unlucky, *many, labels=names, served_labels=names, known=tuple(names))
    assert objections(facts, GateSettings(max_drop=1)) == []
    alone = judged(*unlucky, *many[:1], known=tuple(names[:2]))
    assert len(objections(alone, GateSettings(max_drop=1))) == 1


def test_scores_that_promise_too_much_are_refused_where_that_is_asked_for():
    facts = judged(("ant", "ant", ..., 6), ("bee", "bee", ..., 1), ("bee", "ant", ..., 3))
    assert objections(facts) == []
    (said,) = objections(facts, GateSettings(max_calibration_error=0.1))
    assert "calibration error 0.2000 on 10 pictures is above the 0.1000" in said
    assert the("gate.max_calibration_error", facts, GateSettings(max_calibration_error=0.2)).passed


def test_scores_that_are_not_finite_are_refused_whatever_the_accuracy():
    (said,) = objections(judged(("ant", "ant", ..., 9), ("bee", None, ..., 1)))
    assert "not finite numbers on 1 of 10" in said


CHANGED = {"labels": ("ant", "bee", "fly"), "served_labels": ("ant", "bee", "wasp")}


def test_a_class_that_vanished_is_named_with_those_that_came():
    (said,) = objections(sound(**CHANGED))
    assert "'wasp'" in said
    assert "'fly'" in said
    assert "gate.allow_removed_classes=true" in said


def test_a_class_may_vanish_where_that_is_allowed_and_is_noted():
    gate = GateSettings(allow_removed_classes=True)
    found = sound(labels=("ant", "bee"), served_labels=("ant", "bee", "wasp"))
    assert objections(found, gate) == []
    gone, how = rules.notes(found, gate)
    assert gone == "gone against the model in service: 'wasp'"
    assert "compared on the 10 evaluation pictures of the 2 classes that both models know" in how


def test_other_classes_are_refused_with_their_names_where_that_is_asked_for():
    (said,) = objections(sound(**CHANGED), GateSettings(on_label_change="fail"))
    assert "(new: 'fly'; gone: 'wasp'), and gate.on_label_change=fail refuses that" in said


def test_without_a_comparison_the_note_says_why():
    facts = rules.Facts(candidate=sound().candidate, labels=("ant", "fly"), served_labels=("ant",))
    assert (
        "on_label_change=floor_only"
        in rules.notes(facts, GateSettings(on_label_change="floor_only"))[-1]
    )
    assert "no evaluation picture" in rules.notes(facts, LENIENT)[-1]


def test_the_first_model_of_all_has_nothing_to_miss():
    first = judged(("ant", "ant", ..., 5), ("bee", "bee", ..., 5))
    assert objections(first) == []
    assert rules.notes(first, LENIENT) == []


def test_too_few_pictures_to_tell_a_drop_are_noted():
    facts = judged(("ant", "ant", "ant", 2), ("bee", "bee", "bee", 2))
    (said,) = rules.notes(facts, LENIENT)
    assert "on 4 pictures no drop can be told from noise" in said


def test_a_class_that_is_never_recognised_is_refused_unless_allowed():
    facts = judged(("ant", "ant", ..., 7), ("bee", "ant", ..., 3))
    never, _ = objections(facts)
    assert "none of the 3 evaluation pictures of 'bee'" in never
    assert len(objections(facts, GateSettings(allow_unlearned_classes=True))) == 1


def test_a_model_that_always_answers_the_largest_class_is_refused():
    facts = judged(("ant", "ant", ..., 762), ("bee", "ant", ..., 238))
    said = " ".join(objections(facts))
    assert "no better than always answering the largest class ('ant', 0.7620 of the 1000" in said


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=5), extra=st.integers(-3, 3))
def test_better_than_the_largest_class_means_at_least_one_picture_more(counts, extra):
    names = [f"class {number}" for number in range(len(counts))]
    right = min(max(0, max(counts) + extra), sum(counts))
    groups, left = [], right
    for name, count, other in zip(names, counts, [*names[1:], names[0]], strict=True):
        good, left = min(count, left), max(0, left - count)
        groups += [(name, name, ..., good), (name, other, ..., count - good)]
    facts = judged(*[group for group in groups if group[3]], known=tuple(names))
    refused = [one.rule for one in rules.checks(facts, LENIENT) if not one.passed]
    assert ("largest class" in refused) == (right <= max(counts))


def test_many_names_are_shortened():
    many = tuple(f"class {number}" for number in range(200))
    (said,) = objections(sound(served_labels=(*many, "ant", "bee")))
    assert "and 188 more" in said


def test_settings_that_contradict_each_other_are_refused():
    check(GateSettings(on_label_change="fail"))
    with pytest.raises(ConfigError, match="contradict each other"):
        check(GateSettings(on_label_change="fail", allow_removed_classes=True))


def rejecting(*, right=18, wrong=0, unknown=2, **fitted):
    """Facts of 50 pictures: of two classes, each `right` and `unknown` and so on."""
    shows = [
        *[shown(name, name, known=("ant", "bee")) for name in ("ant", "bee") for _ in range(right)],
        *[shown("ant", "bee", known=("ant", "bee")) for _ in range(wrong)],
        *[shown("bee", "ant", known=("ant", "bee"), said="unknown") for _ in range(unknown)],
    ]
    values = {"reject_below": 0.7, "precision": 0.95, "pictures": tuple("abcdef"), "right": 5}
    return rules.Facts(candidate=measure(shows), calibration=Calibration(**values | fitted))


def test_a_wanted_precision_is_judged_on_the_answers_that_are_given():
    found = the("gate.reject_below", rejecting())
    assert found.passed
    assert (found.measured, found.required, found.pictures) == (1.0, 0.95, 36)
    assert "precision 1.0000 on the 36 of 38 pictures" in found.sentence
    assert objections(rejecting()) == []
    (note,) = rules.notes(rejecting(), LENIENT)
    assert note.startswith("answers 'unknown' where the best score is below 0.7000")
    assert "fitted on 6 pictures, judged on 38 others" in note
    assert "0.9474 of the pictures are answered with a class, of which 1.0000 are right" in note


def test_a_precision_that_is_missed_counts_beyond_the_noise_alone():
    by_chance = the("gate.reject_below", rejecting(wrong=3))
    assert by_chance.passed
    assert "within the noise" in by_chance.sentence
    assert not the("gate.reject_below", rejecting(wrong=3),
                   GateSettings(min_accuracy=0, significance=1)).passed  # fmt: skip
    assert not the("gate.reject_below", rejecting(wrong=12)).passed


def test_a_precision_that_no_score_reaches_is_told_in_a_sentence():
    found = the("gate.reject_below", rejecting(reached=False, reject_below=0.0))
    assert not found.passed
    assert "on the 6 pictures on which one was looked for, of which 5 are right" in found.sentence
    nothing = the("gate.reject_below", rejecting(right=0, unknown=9))
    assert not nothing.passed
    assert "each of the 9 pictures is answered 'unknown'" in nothing.sentence


def test_a_score_that_is_given_is_no_rule():
    facts = rejecting(precision=None, pictures=())
    assert "gate.reject_below" not in [one.rule for one in rules.checks(facts, LENIENT)]
    (note,) = rules.notes(facts, LENIENT)
    assert "fitted" not in note


def test_to_answer_few_pictures_is_no_guessing_and_to_answer_them_at_random_is():
    sure = rejecting(right=3, unknown=30)
    assert sure.candidate.accuracy < sure.candidate.largest_class[1] / sure.candidate.pictures
    assert "largest class" not in [one.rule for one in rules.checks(sure, LENIENT)]
    assert not the("largest class", rejecting(right=3, wrong=9, unknown=2)).passed


def test_a_verdict_says_on_how_many_pictures_a_temperature_was_fitted():
    fitted = {"reject_below": 0.0, "precision": None, "is_calibrated": True}
    (note,) = rules.notes(rejecting(temperature=1.25, **fitted), LENIENT)
    assert note == ("temperature 1.25 fitted on 6 pictures, judged on 38 others (gate.calibrate)")
    (note,) = rules.notes(rejecting(right=18, **fitted | {"pictures": tuple("abcde")}), LENIENT)
    assert note.startswith("no temperature was fitted on 5 pictures, judged on 38 others")


def test_a_class_that_is_called_as_the_answer_that_is_none_is_refused():
    check_classes(GateSettings(), ("ant", "unknown"))
    for below in (0.5, RejectBelow(precision=0.9)):
        with pytest.raises(
            ConfigError, match=r"rename its folder, or leave gate\.reject_below out"
        ):
            check_classes(GateSettings(reject_below=below), ("ant", "unknown"))


def test_the_best_five_of_five_classes_tell_nothing():
    check_classes(GateSettings(metric="top_5"), "abcdef")
    check_classes(GateSettings(), "ab")
    with pytest.raises(ConfigError, match=r"more than 5 classes.* Received: 5 classes"):
        check_classes(GateSettings(metric="top_5"), "abcde")
    facts = judged(("ant", "ant", ..., 5), ("bee", "bee", ..., 5))
    assert not the("gate.metric", facts, GateSettings(metric="top_5")).passed
