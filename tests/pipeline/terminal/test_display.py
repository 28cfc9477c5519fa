"""What a person sees while a run goes on."""

import io
import types

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


def test_a_terminal_shows_a_bar_with_loss_accuracy_and_speed(monkeypatch):
    class Tty(io.StringIO):
        def isatty(self):
            return True

    for name in ("NO_COLOR", "CI", "TTY_COMPATIBLE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    stream = Tty()
    with Display(stream) as display:
        display.started("Trainer")
        metrics = {"loss": 0.25, "accuracy": 0.875, "images_per_s": 1234.5}
        display.advanced("Trainer", 30, 100, metrics)
    shown = stream.getvalue()
    assert "30/100" in shown
    assert "loss 0.250  accuracy 0.875  1,234 img/s" in shown
    assert "━" in shown
    assert "ETA" in shown
