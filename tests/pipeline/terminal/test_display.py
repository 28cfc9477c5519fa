"""What a person sees while a run goes on."""

import io
import re
import types

import pytest

from pipeline.terminal.display import Display


def outcome(seconds=1.0, cached=False):
    return types.SimpleNamespace(seconds=seconds, cached=cached)


def test_without_a_terminal_each_stage_is_one_plain_line():
    stream = io.StringIO()
    with Display(stream) as display:
        display.waiting("loading")
        display.started("Trainer")
        for step in range(100):
            display.advanced("Trainer", step, 100, {"loss": 0.5})
        display.finished("Trainer", outcome(3.21))
        display.finished("Pusher", outcome(cached=True))
    assert stream.getvalue() == "✓ Trainer              3.2 s\n= Pusher              cached\n"


class Tty(io.TextIOWrapper):
    """A terminal in memory."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self):
        return True

    @property
    def frames(self):
        """What was shown, line after line, without what moves the cursor and colours."""
        text = self.buffer.getvalue().decode(self.encoding)
        lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))
        return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture
def terminal(monkeypatch):
    """Makes a terminal of so many columns."""
    for name in ("NO_COLOR", "CI", "TTY_COMPATIBLE", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def make(columns, **options):
        monkeypatch.setenv("COLUMNS", str(columns))
        return Tty(**options)

    return make


METRICS = {"loss": 0.25, "accuracy": 0.875, "images_per_s": 1234.5, "input_wait": 0.031}


@pytest.mark.parametrize(
    ("columns", "metrics"),
    [
        (60, "loss 0.250"),
        (80, "loss 0.250  accuracy 0.875"),
        (120, "loss 0.250  accuracy 0.875  1,234 img/s  input wait 3%"),
    ],
)
def test_a_counted_stage_has_a_bar_and_the_metrics_for_which_there_is_room(
    terminal, columns, metrics
):
    stream = terminal(columns)
    with Display(stream) as display:
        display.started("ExampleValidator")  # the longest name
        display.advanced("ExampleValidator", 500, 1000, METRICS)
    last = stream.frames[-1]
    assert re.fullmatch(rf". ExampleValidator [━╸╺]+ 500/1000  {metrics} ETA [-:\d]+", last)
    assert all(len(line) <= columns for line in stream.frames)


def test_what_cannot_be_counted_pulses_with_a_clock_of_its_own(terminal):
    stream = terminal(60)
    with Display(stream) as display:
        display.started("ImageExampleGen")
        display.advanced("ImageExampleGen", 100, 100, {})
        display.finished("ImageExampleGen", outcome())
        display.started("StatisticsGen")
        (task,) = display._progress.tasks
        display.waiting("loading TensorFlow and TFX")
    assert task.total is None
    assert task.elapsed < 10
    pulse = [line for line in stream.frames if "StatisticsGen" in line or "loading" in line]
    assert all(re.fullmatch(r". [\w ]+ ━+ +0:00:0\d", line) for line in pulse)
    assert not [line for line in stream.frames if "100/100" in line and "Statistics" in line]


def test_a_terminal_without_drawings_gets_letters(terminal):
    stream = terminal(60, encoding="ascii")
    with Display(stream) as display:
        display.started("Trainer")
        display.advanced("Trainer", 50, 100, METRICS)
        display.finished("Trainer", outcome(3.2))
    assert "+ Trainer              3.2 s" in stream.frames
    assert "\\u" not in "".join(stream.frames)
