"""What `bitpipe predict` prints of answers."""

import io
import os
import sys

from pipeline.terminal import answers, counts
from serving.client import Answer, Prediction


def answered(name, *scores):
    return Answer(name, Prediction(scores[0][0], scores, 3))


def failed(name):
    return Answer(name, error=ValueError("it is none"))


def test_of_answers_in_a_file_the_first_failures_are_told(capsys):
    write = answers.failures()
    write(answered("fine.png", ("ant", 1.0)))
    for number in range(13):
        write(failed(f"{number}.png"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        *(f"{number}.png: it is none" for number in range(10)),
        "Further failures are told in the file only.",
    ]


def test_a_row_shows_the_label_its_score_and_the_others(capsys):
    write = answers.table(top=2)
    write(answered("a.png", ("ant", 0.75), ("bee", 0.25), ("cat", 0.0)))
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["file", "label", "score", "then"]
    assert row.split() == ["a.png", "ant", "0.750", "bee", "0.250"]


def test_at_80_columns_a_label_stays_beside_its_score(capsys, monkeypatch):
    monkeypatch.setattr(answers, "_PIPE_WIDTH", 80)
    write = answers.table(top=5)
    others = [("tulips", 0.3), ("daisy", 0.1), ("dandelion", 0.05), ("sunflowers", 0.0004)]
    write(answered("holidays/a.jpg", ("golden retriever", 0.5), *others))
    _, *lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "holidays/a.jpg golden retriever 0.500 tulips 0.300 daisy 0.100",
        "dandelion 0.050",
    ]
    assert max(map(len, lines)) <= 80


def test_one_label_needs_no_column_for_others(capsys):
    answers.table(top=1)(answered("a.png", ("ant", 0.75), ("bee", 0.25)))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["file", "label", "score"],
        ["a.png", "ant", "0.750"],
    ]


def test_the_table_shows_any_name_on_a_terminal_of_any_encoding(monkeypatch):
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding="latin-1"))
    write = answers.table(top=1)
    write(answered("日本.png", ("São Paulo", 0.75)))
    write(failed(os.fsdecode(b"caf\xe9\n.png")))
    sys.stdout.flush()
    _, row, told = screen.getvalue().decode("latin-1").splitlines()
    assert row.split("  ")[0] == r"\u65e5\u672c.png"
    assert "São Paulo" in row
    assert told == r"caf\xe9\n.png: it is none"


def test_the_end_is_told_with_what_earlier_runs_did():
    assert counts.done(9, 1, 0, "out") == "9 pictures (1 failed) in out"
    assert counts.done(9, 1, 4, "out") == "9 pictures (1 failed, 4 of them by earlier runs) in out"


def test_an_interruption_is_called_so_and_says_how_to_go_on():
    told = counts.stopped(KeyboardInterrupt(), "3 answers", "out")
    assert told == (
        "Interrupted: 3 answers are in out. The same command with --resume goes on from there."
    )
    assert counts.stopped(ValueError(), "3 answers", "out").startswith("Stopped: ")
