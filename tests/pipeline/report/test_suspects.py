"""Labels that are likely wrong."""

import numpy as np

from components.gate.predictions import Answer, Prediction
from components.training.guesses import Guess
from pipeline.report import suspects


def answer(name, label, **scores):
    return suspects.Answer(
        split="train", sha256=name, filename=name, label=label, scores={label: 0.0, **scores}
    )


def test_a_picture_that_is_more_like_another_class_than_its_own_pictures_is_suspect():
    answers = [
        answer("1", "rose", rose=0.9, tulip=0.1),
        answer("2", "rose", rose=0.8, tulip=0.2),
        answer("3", "tulip", rose=0.1, tulip=0.9),
        answer("4", "tulip", rose=0.3, tulip=0.7),
        answer("5", "rose", rose=0.05, tulip=0.95),
    ]
    (found,) = suspects.find(answers)
    assert (found.filename, found.label, found.suggested) == ("5", "rose", "tulip")
    assert found.score == (0.05 - 0.95 + 1) / 2


def test_a_wrong_answer_alone_is_no_reason():
    """The class is hardly ever sure of its own pictures, so being unsure of one tells nothing."""
    answers = [
        answer("1", "rose", rose=0.45, tulip=0.55),
        answer("2", "rose", rose=0.5, tulip=0.5),
        answer("3", "tulip", rose=0.1, tulip=0.9),
    ]
    assert suspects.find(answers) == []


def test_the_most_suspicious_come_first():
    answers = [answer(str(i), "rose", rose=0.9, tulip=0.1) for i in range(8)]
    answers += [answer(f"t{i}", "tulip", tulip=0.8, rose=0.2) for i in range(8)]
    answers += [answer("a", "rose", rose=0.1, tulip=0.9), answer("b", "rose", tulip=1.0)]
    assert [one.filename for one in suspects.find(answers)] == ["b", "a"]


def test_confident_learning_finds_what_the_paper_defines():
    """Against the definition in matrices, as cleanlab has it, on random answers."""
    random = np.random.default_rng(0)
    names = np.array(list("abcde"))
    probabilities = random.dirichlet(np.full(5, 0.5), 300)
    labels = random.integers(0, 5, 300)
    thresholds = np.array([probabilities[labels == k, k].mean() for k in range(5)])
    masked = np.where(probabilities >= thresholds, probabilities, 0)
    confident = (masked > 0).any(axis=1)
    expected = {str(i) for i in np.flatnonzero(confident & (masked.argmax(axis=1) != labels))}
    answers = [
        answer(str(i), names[labels[i]], **dict(zip(names, map(float, row), strict=True)))
        for i, row in enumerate(probabilities)
    ]
    assert {one.sha256 for one in suspects.find(answers)} == expected


def test_answers_of_both_splits_are_read_alike():
    guess = Guess("ab", "rose", ("tulip",), (0.9,), 0.05)
    (of_train,) = suspects.of_guesses([guess])
    told = Answer(("tulip",), (0.9,), 0.05)
    unusable = Prediction("2.jpg", "cd", "rose", Answer((), (), None))
    (of_eval,) = suspects.of_predictions([Prediction("1.jpg", "ab", "rose", told), unusable])
    assert of_train.scores == of_eval.scores == {"tulip": 0.9, "rose": 0.05}
    assert (of_train.split, of_eval.split) == ("train", "eval")
