"""Which pictures a report shows."""

from components.gate.predictions import Answer, Prediction
from pipeline.report.picks import pick


def shown(name, label, best, score, baseline=None):
    answer = Answer((best,), (score,), None)
    other = None if baseline is None else Answer((baseline,), (0.5,), None)
    return Prediction(name, "", label, answer, other)


FOUND = [
    shown("1", "ant", "ant", 0.99, "ant"),
    shown("2", "ant", "bee", 0.95, "bee"),
    shown("3", "ant", "bee", 0.60, "ant"),
    shown("4", "bee", "cat", 0.80, "ant"),
    shown("5", "cat", "cat", 0.40, "cat"),
]


def names(found):
    return [one.filename for one in found]


def test_the_worst_mistakes_are_the_surest():
    assert names(pick(FOUND).mistakes) == ["2", "4", "3"]


def test_the_least_confident_are_right_or_wrong():
    assert names(pick(FOUND).least_confident)[:2] == ["5", "3"]


def test_the_largest_confusion_comes_first_with_its_pictures():
    first, second = pick(FOUND).confusions
    assert (first.label, first.answer, first.number) == ("ant", "bee", 2)
    assert names(first.pictures) == ["2", "3"]
    assert (second.label, second.answer) == ("bee", "cat")
    assert pick(FOUND).names == {"1", "2", "3", "4", "5"}


def test_scores_that_are_not_finite_are_nowhere():
    broken = Prediction("6", "", "ant", Answer((), (), None))
    assert pick([broken]).matrix == {}
    assert pick([*FOUND, broken]).matrix == pick(FOUND).matrix
