"""What is told of the pictures before anything is trained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data_checks import rules
from components.data_checks.rules import Facts
from components.data_checks.settings import CheckSettings


def counts(**classes):
    return {name: {"train": number, "eval": number} for name, number in classes.items()}


def judge(rule, *, classes=None, severity="warn", **facts):
    """(passed, sentence) of each result of one rule."""
    limits = {name: facts.pop(name) for name in list(facts) if name.startswith("max_")}
    settings = CheckSettings(**{rule: severity}, **limits)
    found = rules.checks(Facts(classes=classes or counts(roses=50, tulips=50), **facts), settings)
    return [(one.passed, one.sentence) for one in found if one.rule == f"checks.{rule}"]


def test_a_class_that_the_model_in_service_does_not_know_is_named():
    ((passed, sentence),) = judge("new_classes", served=(("roses",), "7"))
    assert not passed
    assert sentence.startswith("class tulips is new: the model in service, version 7, does not")


def test_a_class_that_only_the_model_in_service_knows_is_named():
    ((passed, sentence),) = judge(
        "vanished_classes", served=(("daisies", "roses", "thistles", "tulips"), "7")
    )
    assert not passed
    assert "classes daisies, thistles are gone" in sentence


@pytest.mark.parametrize("rule", ["new_classes", "vanished_classes"])
def test_without_another_model_in_service_nothing_is_said_of_its_classes(rule):
    assert judge(rule, served=None) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Roses", "roses"), "'Roses' and 'roses' read alike"),
        (("sea lion", "sea_lion", "Sea-Lion"), "'Sea-Lion' and 'sea lion' and 'sea_lion'"),
        (("caf\u00e9", "cafe\u0301"), "give their folders or labels one name"),
        (("roses", "rose"), None),
        (("a1", "a2"), None),
    ],
)
def test_classes_whose_names_read_alike_are_told(names, told):
    ((passed, sentence),) = judge("similar_names", classes=counts(**dict.fromkeys(names, 9)))
    assert passed is (told is None)
    assert (told or "no two classes") in sentence


def test_imbalance_is_counted_in_training_pictures_of_the_largest_for_one_of_the_smallest():
    ((passed, sentence),) = judge("imbalance", classes=counts(roses=500, tulips=50))
    assert passed
    ((passed, sentence),) = judge("imbalance", classes=counts(roses=505, tulips=50))
    assert not passed
    assert "roses, has 505 training pictures, the smallest, tulips, 50: 1 for each 10.1" in sentence
    assert "train.class_weights=balanced" in sentence
    ((passed, _),) = judge("imbalance", classes=counts(roses=505, tulips=50), max_imbalance=11.0)
    assert passed


def test_the_class_whose_share_moved_most_is_named():
    before = {"roses": 100, "tulips": 100}
    ((passed, sentence),) = judge("share_drift", classes=counts(roses=20, tulips=50), before=before)
    assert not passed
    assert "tulips had 50.0% of the pictures that were checked last, and now has 71.4%" in sentence


def test_a_share_that_vanished_has_drifted_too():
    ((passed, sentence),) = judge("share_drift", before={"roses": 50, "tulips": 50, "daisies": 25})
    assert not passed
    assert "daisies had 20.0% of the pictures" in sentence


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1),
    st.integers(2, 9),
)
def test_shares_do_not_drift_where_every_class_grows_alike(before, factor):
    now = {name: {"train": factor * number} for name, number in before.items()}
    ((passed, _),) = judge("share_drift", classes=now, before=before, max_share_drift=0.0)
    # Rounding alone.
    found = rules.checks(Facts(classes=now, before=before), CheckSettings())
    drift = next(one.measured for one in found if one.rule == "checks.share_drift")
    assert drift <= 1e-12
    assert passed or drift > 0


def test_pictures_of_less_than_half_of_the_crop_are_counted():
    sides = {239: 11, 240: 89}
    ((passed, sentence),) = judge("small_pictures", shorter_sides=sides, size=480)
    assert not passed
    assert sentence.startswith("11 of 100 pictures have a side of less than 240 pixels")
    assert "train.crop" in sentence
    ((passed, _),) = judge("small_pictures", shorter_sides=sides, size=478)
    assert passed


def test_one_size_of_nearly_all_is_told_and_of_all_is_not():
    many = {"roses": {(8, 8): 100}, "tulips": {(8, 8): 90, (640, 480): 10}}
    ((passed, sentence),) = judge("one_size", sizes=many)
    assert not passed
    assert "190 of 200 pictures are 8 x 8 pixels" in sentence
    assert "10 are not" in sentence
    same = {"roses": {(8, 8): 100}, "tulips": {(8, 8): 100}}
    assert [passed for passed, _ in judge("one_size", sizes=same)] == [True]


def test_a_size_that_gives_a_class_away_is_told():
    sizes = {"roses": {(150, 150): 95, (640, 480): 5}, "tulips": {(640, 480): 98, (150, 150): 2}}
    told = [sentence for passed, sentence in judge("one_size", sizes=sizes) if not passed]
    assert len(told) == 2
    assert "95 of 100 pictures of the class roses are 150 x 150 pixels, and 2.0% of the" in told[0]


def test_pictures_of_one_colour_are_counted_and_named():
    sizes = {"roses": {(8, 8): 100}}
    found = {"sizes": sizes, "single_colour": 2, "of_one_colour": ("a.png", "b.png")}
    ((passed, sentence),) = judge("single_colour", **found)
    assert not passed
    assert "2 pictures show nothing but one colour, such as a.png, b.png" in sentence
    ((passed, _),) = judge("single_colour", max_single_colour=2, **found)
    assert passed


def test_each_anomaly_of_tfx_is_a_result():
    assert [passed for passed, _ in judge("anomalies")] == [True]
    assert judge("anomalies", anomalies=("the one", "the other")) == [
        (False, "the one"),
        (False, "the other"),
    ]


def test_what_is_off_is_not_judged_and_what_is_set_to_fail_says_so():
    facts = Facts(classes=counts(roses=505, tulips=5))
    assert "checks.imbalance" not in {
        one.rule for one in rules.checks(facts, CheckSettings(imbalance="off"))
    }
    (found,) = [
        one
        for one in rules.checks(facts, CheckSettings(imbalance="fail"))
        if one.rule == "checks.imbalance"
    ]
    assert (found.severity, found.passed, found.measured, found.limit) == ("fail", False, 101, 10)


def test_nothing_fails_by_default():
    settings = CheckSettings()
    severities = {getattr(settings, name) for name in settings.__struct_fields__}
    assert "warn" in severities
    assert "fail" not in severities
