"""What a model must never be, whatever its accuracy."""

from hypothesis import given
from hypothesis import strategies as st

from components.gate import rules
from components.gate.settings import GateSettings

GATE = GateSettings()


def facts(**changes):
    """Two classes, both learned, the model in service knows the same."""
    known = {
        "accuracy": 0.8,
        "unusable": 0,
        "by_class": {"ant": 1.0, "bee": 0.6},
        "counts": {"ant": 5, "bee": 5},
        "labels": ("ant", "bee"),
        "served_labels": ("ant", "bee"),
    }
    return rules.Facts(**known | changes)


def test_a_sound_model_meets_no_objection_and_no_note():
    assert rules.objections(facts(), GATE) == []
    assert rules.notes(facts()) == []


def test_scores_that_are_not_finite_are_refused_whatever_the_accuracy():
    (said,) = rules.objections(facts(unusable=1, accuracy=1.0), GATE)
    assert "not finite" in said


def test_a_class_that_vanished_is_named_with_those_that_came():
    (said,) = rules.objections(
        facts(served_labels=("ant", "bee", "wasp"), labels=("ant", "bee", "fly")), GATE
    )
    assert "'wasp'" in said
    assert "'fly'" in said
    assert "gate.allow_removed_classes=true" in said


def test_a_class_may_vanish_where_that_is_allowed_and_is_noted():
    found = facts(served_labels=("ant", "bee", "wasp"))
    assert rules.objections(found, GateSettings(allow_removed_classes=True)) == []
    assert rules.notes(found) == ["gone against the model in service: 'wasp'"]


def test_the_first_model_of_all_has_nothing_to_miss():
    assert rules.objections(facts(served_labels=None), GATE) == []
    assert rules.notes(facts(served_labels=None)) == []


def test_new_classes_are_a_note_only():
    found = facts(served_labels=("ant",))
    assert rules.objections(found, GATE) == []
    assert rules.notes(found) == ["new against the model in service: 'bee'"]


def test_a_class_that_is_never_recognised_is_refused_unless_allowed():
    found = facts(
        accuracy=0.7, by_class={"a": 1.0, "b": 1.0, "c": 0.0}, counts={"a": 4, "b": 3, "c": 3}
    )
    (said,) = rules.objections(found, GATE)
    assert "none of the 3 evaluation pictures of 'c'" in said
    assert rules.objections(found, GateSettings(allow_unlearned_classes=True)) == []


def test_a_model_that_always_answers_the_largest_class_is_refused():
    found = facts(
        accuracy=0.762, by_class={"ant": 1.0, "bee": 0.0}, counts={"ant": 762, "bee": 238}
    )
    said = " ".join(rules.objections(found, GateSettings(allow_unlearned_classes=True)))
    assert "no better than always answering the largest class ('ant', 0.7620" in said


@given(counts=st.lists(st.integers(1, 10**6), min_size=2, max_size=9), extra=st.integers(-3, 3))
def test_better_than_the_largest_class_means_at_least_one_picture_more(counts, extra):
    names = {f"class {number}": count for number, count in enumerate(counts)}
    right = min(max(0, max(counts) + extra), sum(counts))
    found = facts(
        accuracy=right / sum(counts), by_class=dict.fromkeys(names, 0.5), counts=names,
        labels=tuple(names), served_labels=None,
    )  # fmt: skip
    assert bool(rules.objections(found, GATE)) == (right <= max(counts))


def test_many_names_are_shortened():
    many = tuple(f"class {number}" for number in range(200))
    (said,) = rules.objections(facts(served_labels=(*many, "ant", "bee")), GATE)
    assert "and 188 more" in said
