"""The file that tells what a network answered where it was trained."""

import math

import pytest

from bitpipe.model import reference
from bitpipe.model.reference import Answer, Reference


def test_what_is_written_can_be_read(tmp_path):
    said = Reference(("a", "b"), (Answer("a/caf\\xe9.png", "0" * 64, (0.1, 0.9)),))
    (tmp_path / reference.FILE).write_text(said.to_json())
    assert reference.read(str(tmp_path)) == said


def test_a_training_of_before_has_none(tmp_path):
    assert reference.read(str(tmp_path)) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": 2}', '{"form": 1, "labels": 3}'])
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / reference.FILE).write_text(content)
    with pytest.raises(ValueError):  # of JSON, or ours
        reference.read(str(tmp_path))


def test_at_a_temperature_the_answers_are_those_of_logits_that_are_divided_by_it():
    logits = (2.0, -1.0, 0.5)

    def softmax(values):
        powers = [math.exp(value) for value in values]
        return tuple(power / sum(powers) for power in powers)

    known = Reference(("a", "b", "c"), (Answer("a/1.png", "0", softmax(logits)),))
    (found,) = known.at(2.5).answers
    assert found.scores == pytest.approx(softmax([value / 2.5 for value in logits]))
    assert known.at(1.0) == known
    # A score that has become 0 is one at each temperature.
    assert Reference(("a", "b"), (Answer("", "", (1.0, 0.0)),)).at(2.0).answers[0].scores == (1, 0)
