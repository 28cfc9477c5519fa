"""What a person reads when a run has ended."""

import io
import types

import pytest

from pipeline.terminal.summary import print_summary


def stage(seconds, cached=False):
    return types.SimpleNamespace(seconds=seconds, cached=cached)


def result(**changes):
    values = {
        "accuracy": 0.9731,
        "accuracy_change": None,
        "num_examples": 10,
        "splits": {"train": 8, "eval": 2},
        "classes": ["a", "b"],
        "rejected": [],
        "blessed": True,
        "objections": [],
        "notes": [],
        "pushed": True,
        "version": 7,
        "model_dir": "out/serving/x",
        "stages": {"Trainer": stage(12.34), "Pusher": stage(0.1, cached=True)},
    }
    return types.SimpleNamespace(**{**values, **changes})


def summary(*commands, **changes):
    stream = io.StringIO()
    print_summary(result(**changes), stream, commands)
    return stream.getvalue()


def test_the_summary_names_score_verdict_version_and_next_commands():
    text = summary("bitpipe serve --models out/serving --name x")
    for part in (
        "0.9731",
        "blessed   yes",
        "pushed    version 7 in out/serving/x",
        "12.3",
        "cached",
    ):
        assert part in text
    assert text.rstrip().endswith("bitpipe serve --models out/serving --name x")


def test_a_comparison_is_shown_where_there_was_one():
    assert "(+0.0100 against the model in service)" in summary(accuracy_change=0.01)


def test_what_the_gate_noted_is_shown_whatever_it_decided():
    notes = ["the baseline is damaged"]
    assert "the baseline is damaged" in summary(notes=notes)
    assert "the baseline is damaged" in summary(notes=notes, blessed=False)


def test_an_unchanged_model_is_called_that():
    assert "unchanged version 7" in summary(pushed=False)


def test_a_refusal_says_why_and_offers_nothing_to_serve():
    text = summary(
        "bitpipe serve", blessed=False, objections=["accuracy 0.4 is below"], version=None
    )
    assert "blessed   no, nothing was pushed:\n            accuracy 0.4 is below" in text
    assert "bitpipe serve" not in text


@pytest.mark.parametrize("name", ["[red]a[/red].jpg", "[/]"])
def test_file_names_are_not_taken_for_markup(name):
    assert name in summary(rejected=[{"filename": name, "reason": "[empty]"}])
