"""Many pictures: counted as they are answered, and recorded where a file is given."""

from pathlib import Path

import pytest

from bitpipe.errors import UnreadablePictureError
from serving.client import Answer, Prediction
from serving.client.answer_file import AnswerFile
from serving.client.answer_formats import by_name
from serving.client.prediction_run import PredictionRun


class Client:
    """Answers everything but 4.png; knows what it was asked about."""

    def __init__(self):
        self.asked = []

    def predict_each(self, images):
        for path in images:
            name = Path(path).name
            self.asked.append(name)
            if name == "4.png":
                yield Answer(path, error=UnreadablePictureError("it is none", path))
            else:
                yield Answer(path, Prediction("ant", (("ant", 1.0),), 3))


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def opened(tmp_path):
    """The file of answers, opened by each call as of a new run."""
    return lambda: AnswerFile(tmp_path / "answers.jsonl", by_name("jsonl", top=1), resume=True)


def counts(run):
    return run.earlier, run.answered, run.failed


def test_counts_grow_with_each_answer(client, photos):
    run = PredictionRun(client)
    seen = [(answer.error is None, *counts(run)) for answer in run.answers([photos])]
    assert seen[3:6] == [(True, 0, 4, 0), (False, 0, 5, 1), (True, 0, 6, 1)]
    assert counts(run) == (0, 10, 1)


def test_each_answer_is_in_the_file_when_it_is_given_out(client, photos, opened, tmp_path):
    with opened() as file:
        for number, _ in enumerate(PredictionRun(client, file).answers([photos]), 1):
            assert len((tmp_path / "answers.jsonl").read_bytes().splitlines()) == number


def test_a_run_goes_on_from_where_another_was_left_and_counts_its_failures(client, photos, opened):
    with opened() as file:
        first = PredictionRun(client, file)
        answers = first.answers([photos])
        for _ in range(6):
            next(answers)
        answers.close()
    assert counts(first) == (0, 6, 1)
    client.asked.clear()
    with opened() as file:
        second = PredictionRun(client, file)
        assert counts(second) == (6, 6, 1)
        assert [Path(answer.source).name for answer in second.answers([photos])] == client.asked
    assert client.asked == ["6.png", "7.png", "8.png", "9.png"]
    assert counts(second) == (6, 10, 1)


def test_a_file_holds_a_picture_once_however_often_it_is_named(client, photos, opened):
    picture = photos / "0.png"
    with opened() as file:
        assert len(list(PredictionRun(client, file).answers([picture, picture, photos]))) == 10
    assert len(list(PredictionRun(client).answers([picture, picture]))) == 2
