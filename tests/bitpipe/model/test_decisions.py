"""What may be decided about versions, and what follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import ModelFolderError
from bitpipe.model import decisions
from bitpipe.model.release import Release

FOUND = (1, 2, 3, 4)
BEFORE = Release()
ANN = decisions.Decision(by="ann", at=1000, why="ghosts")


def rolled_back(decided=BEFORE, target=2, found=FOUND):
    return decisions.rollback(decided, found, target, {}, ANN)


def test_a_rollback_serves_the_older_version_and_remembers_who_when_and_why():
    decided = rolled_back(target=2)
    assert decided.served(FOUND) == 2
    assert sorted(decided.withdrawn) == [3, 4]
    assert decided.withdrawn[4].by == "ann"
    [event] = decided.history
    assert (event.action, event.version, event.before) == ("rollback", 2, 4)
    assert (event.by, event.at, event.why) == ("ann", 1000, "ghosts")


def test_a_second_rollback_goes_further_back_and_not_to_what_was_withdrawn():
    decided = rolled_back(target=3)
    assert decisions.rollback_target(decided, FOUND) == 2
    after = decisions.pushed(decided, 5, ANN)
    assert after.served((*FOUND, 5)) == 5
    assert decisions.rollback_target(after, (*FOUND, 5)) == 3


def test_a_rollback_takes_a_newer_canary_back_as_well():
    decided = decisions.promote(Release(stable=2), FOUND, 4, "canary", ANN)
    decided = rolled_back(decided, target=1)
    assert decided.canary is None
    assert sorted(decided.withdrawn) == [2, 4]


def test_without_an_older_version_there_is_no_way_back():
    with pytest.raises(ModelFolderError, match="no version before 1"):
        decisions.rollback_target(Release(stable=1), FOUND)


@pytest.mark.parametrize(
    ("target", "message"),
    [(4, "in service already"), (9, "There are 1, 2, 3, 4"), (3, "is newer")],
)
def test_back_is_no_other_way(target, message):
    with pytest.raises(ModelFolderError, match=message):
        rolled_back(Release(stable=4 if target == 4 else 2), target)


def test_from_a_version_that_is_gone_one_can_go_back():
    assert rolled_back(Release(stable=9), target=3).served(FOUND) == 3


def test_a_promoted_version_takes_the_requests_and_is_allowed_again():
    decided = decisions.promote(rolled_back(target=2), FOUND, 4, "stable", ANN)
    assert decided.served(FOUND) == 4
    assert sorted(decided.withdrawn) == [3]


def test_to_promote_an_older_version_is_a_rollback():
    with pytest.raises(ModelFolderError, match="bitpipe models rollback --to 1"):
        decisions.promote(Release(), FOUND, 1, "stable", ANN)


def test_a_canary_is_tried_beside_the_version_in_service_and_can_take_over():
    tried = decisions.promote(Release(stable=3), FOUND, 4, "canary", ANN)
    assert tried.labels() == {"stable": 3, "canary": 4}
    assert tried.served(FOUND) == 3
    assert decisions.promote(tried, FOUND, 4, "stable", ANN).labels() == {"stable": 4}


def test_to_try_a_version_fixes_the_one_in_service():
    tried = decisions.promote(Release(), FOUND, 2, "canary", ANN)
    assert tried.labels() == {"stable": 4, "canary": 2}


def test_the_version_in_service_is_not_tried():
    with pytest.raises(ModelFolderError, match="in service"):
        decisions.promote(Release(), FOUND, 4, "canary", ANN)


def test_a_canary_that_is_taken_back_is_withdrawn():
    tried = decisions.promote(Release(stable=3), FOUND, 4, "canary", ANN)
    after = decisions.end_trial(tried, "abc", ANN)
    assert after.labels() == {"stable": 3}
    assert after.withdrawn[4].digest == "abc"
    with pytest.raises(ModelFolderError, match="no canary"):
        decisions.end_trial(after, "", ANN)


def test_of_very_many_versions_a_sentence_names_the_newest():
    with pytest.raises(ModelFolderError, match=r"There are 489, .* 500 and 488 older ones\.$"):
        decisions.require(range(1, 501), 501)


def test_pins_are_set_and_taken_away_once():
    pinned = decisions.pin(Release(), FOUND, 2, True, ANN)
    assert pinned.pinned == (2,)
    with pytest.raises(ModelFolderError, match="pinned already"):
        decisions.pin(pinned, FOUND, 2, True, ANN)
    assert decisions.pin(pinned, FOUND, 2, False, ANN).pinned == ()


def test_what_is_pushed_waits_while_another_version_is_tried():
    tried = decisions.promote(Release(stable=3), FOUND, 4, "canary", ANN)
    assert decisions.pushed(tried, 5, ANN) == tried
    assert decisions.pushed(Release(), 5, ANN) == Release()


versions = st.sets(st.integers(1, 30), min_size=1)


@given(found=versions, keep=st.integers(1, 8), data=st.data())
def test_no_version_is_removed_that_somebody_needs(found, keep, data):
    some = st.sampled_from(sorted(found))
    decided = Release(
        stable=data.draw(st.none() | some),
        canary=data.draw(st.none() | some),
        pinned=tuple(data.draw(st.lists(some, unique=True))),
    )
    gone = decisions.superfluous(decided, found, keep)
    left = found - set(gone)
    assert decided.served(left) == decided.served(found)
    assert {*decided.pinned, *decided.labels().values()} <= left
    assert set(sorted(found)[-keep:]) <= left
    assert len(left) <= keep + 2 + len(decided.pinned)


def test_nothing_is_removed_while_the_version_in_service_is_missing():
    assert decisions.superfluous(Release(stable=9), FOUND, 1) == []


@given(found=versions, moves=st.lists(st.tuples(st.sampled_from("pbct"), st.integers(0, 29))))
def test_whatever_is_decided_one_known_version_is_in_service(found, moves):
    decided = Release()
    for what, which in moves:
        version = sorted(found)[which % len(found)]
        try:
            if what == "b":
                decided = rolled_back(decided, version, found)
            elif what == "t":
                decided = decisions.end_trial(decided, "", ANN)
            else:
                label = "stable" if what == "p" else "canary"
                decided = decisions.promote(decided, found, version, label, ANN)
        except ModelFolderError:
            continue
        assert decided.served(found) in found
        assert decided.served(found) not in decided.withdrawn
        assert decided.canary != decided.stable or decided.canary is None
        assert decided.canary not in decided.withdrawn
