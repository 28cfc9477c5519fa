"""What the line of an interrupted run says of where it was, and from where it goes on."""

import pytest

from pipeline.position import Position


class Silent:
    def __init__(self):
        self.notes = []

    def started(self, stage): ...

    def advanced(self, stage, done, total, metrics): ...

    def finished(self, stage, outcome): ...

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def listener():
    return Silent()


@pytest.fixture
def position(listener):
    return Position(listener)


def test_before_the_first_stage(position):
    assert position.when_interrupted() == (
        " before the first stage: the same command starts again."
    )


def test_a_stage_is_named_with_what_it_has_done(position):
    position.started("Transform")
    assert position.when_interrupted().startswith(" in Transform: the same command goes on with")
    position.started("ImageExampleGen")
    position.advanced("ImageExampleGen", 30, 60, {})
    assert position.when_interrupted().startswith(" in ImageExampleGen, 30 of 60: the same command")
    position.finished("ImageExampleGen", None)
    assert position.when_interrupted() == (
        " after ImageExampleGen: the same command goes on with the next stage."
    )
    position.started("StatisticsGen")
    assert "30" not in position.when_interrupted()


def test_training_names_its_last_checkpoint(position, listener):
    position.started("Trainer")
    position.kept("Trainer", 50, 200, False)
    position.advanced("Trainer", 73, 200, {})
    assert position.when_interrupted() == (
        " in Trainer, 73 of 200: the same command goes on after step 50."
    )
    assert listener.notes == []


def test_a_resumed_training_says_from_which_step(position, listener):
    position.started("Trainer")
    position.kept("Trainer", 50, 200, True)
    assert listener.notes == ["Trainer goes on after step 50 of 200"]
    assert position.when_interrupted().endswith("goes on after step 50.")


def test_what_a_stage_says_is_worth_a_line(position, listener):
    position.said("Trainer", "This takes about 3 minutes here.")
    assert listener.notes == ["  Trainer: This takes about 3 minutes here."]
