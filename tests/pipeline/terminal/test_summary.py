"""What a person reads when a run has ended."""

import io
import types

import pytest

from pipeline.terminal import summary as summaries
from pipeline.terminal.summary import classes_in_words, print_summary


def stage(seconds, cached=False):
    return types.SimpleNamespace(seconds=seconds, cached=cached)


def check(sentence, *, passed):
    return types.SimpleNamespace(sentence=sentence, passed=passed)


def result(**changes):
    values = {
        "accuracy": 0.9731,
        "accuracy_by_class": {"a": 1.0, "b": 0.9462},
        "accuracy_change": None,
        "largest_class_share": 0.5,
        "device": "CPU (2 cores)",
        "num_examples": 500,
        "splits": {"train": 314, "eval": 186},
        "classes": ["a", "b"],
        "judged": 186,
        "coverage": 1.0,
        "precision": 0.9731,
        "examples_by_class": {"a": {"train": 200, "eval": 93}, "b": {"train": 114, "eval": 93}},
        "rejected": [],
        "duplicates": 0,
        "left_out": 0,
        "near_duplicates": 0,
        "num_conflicts": 0,
        "conflicts": [],
        "blessed": True,
        "objections": [],
        "checks": [check("accuracy 0.9731 reaches the floor", passed=True)],
        "notes": [],
        "serving_check": None,
        "data_checks": [],
        "pushed": True,
        "version": 7,
        "remark": None,
        "candidate": "out/artifacts/Trainer/model/7/Format-Serving",
        "model_dir": "out/serving/x",
        "tensorboard": "out/artifacts/Trainer/model_run/7",
        "report": "out/reports/1/report.html",
        "stages": {"Trainer": stage(12.34), "Pusher": stage(0.1, cached=True)},
    }
    return types.SimpleNamespace(**{**values, **changes})


def summary(*commands, **changes):
    stream = io.StringIO()
    print_summary(result(**changes), stream, commands)
    return stream.getvalue()


def test_what_speaks_against_the_pictures_is_a_warning():
    checks = [check("all is well", passed=True), check("roses are rare", passed=False)]
    text = summary(data_checks=checks)
    assert "\nwarning   roses are rare\n" in text
    assert "all is well" not in text


def test_the_summary_names_score_verdict_version_and_next_commands():
    text = summary("bitpipe serve --models out/serving --name x")
    for part in (
        "0.9731",
        "blessed   yes\n            accuracy 0.9731 reaches the floor\n",
        "pushed    version 7 in out/serving/x",
        "12.3",
        "cached",
        "device    CPU (2 cores)",
        "pictures  500 (314 train, 186 eval) in 2 classes",
        "tensorboard --logdir out/artifacts/Trainer/model_run/7",
        "report    out/reports/1/report.html",
    ):
        assert part in text
    assert text.rstrip().endswith("bitpipe serve --models out/serving --name x")


def test_each_class_has_a_row_with_its_pictures_and_accuracy():
    rows = [line.split() for line in summary().splitlines()]
    assert ["class", "train", "eval", "accuracy"] in rows
    assert ["b", "114", "93", "0.9462"] in rows
    assert ["c", "0", "0", "-"] in [
        line.split() for line in summary(classes=["a", "b", "c"]).splitlines()
    ]


def test_of_many_classes_those_are_shown_that_are_known_least():
    names = [f"class{n:02}" for n in range(40)]
    accuracy = {name: n / 40 for n, name in enumerate(names)}
    text = summary(classes=names, accuracy_by_class=accuracy)
    assert "in 40 classes" in text
    assert [name for name in names if name in text] == names[:12]
    assert "least accurate" in text


@pytest.mark.parametrize(
    ("accuracy", "share", "judged", "warns"),
    [
        (0.9731, 0.5, 186, False),
        (0.556, 0.524, 63, True),
        (0.5, 0.5, 10_000, True),
        (0.52, 0.5, 10_000, False),  # four standard errors
        (1.0, 0.9, 5, True),  # a guesser has 5 of 5 in more than half of all cases
    ],
)
def test_an_accuracy_that_a_guesser_might_reach_is_no_success(accuracy, share, judged, warns):
    text = summary(accuracy=accuracy, largest_class_share=share, judged=judged)
    assert f"{share:.4f} is what always answering the largest class would reach" in text
    assert ("warning   on" in text) == warns
    assert not warns or f"on {judged} pictures" in text


def test_copies_and_contradicting_labels_are_counted_and_the_first_ones_named():
    conflicts = [[f"a/{n}.png", f"b/{n}.png"] for n in range(4)]
    text = summary(duplicates=9, num_conflicts=4, conflicts=conflicts)
    assert "copies    9 pictures" in text
    assert "conflicts 4 pictures in more than one class" in text
    assert "            a/2.png = b/2.png\n            and 1 more\n" in text
    assert not {"copies", "conflicts"} & set(summary().split())


def test_the_kept_text_is_the_printed_one_without_what_to_type_next():
    rejected = [{"filename": "日本.png", "reason": "empty"}]
    stream = io.StringIO()
    print_summary(result(rejected=rejected), stream, ["bitpipe serve"])
    kept = summaries.text(result(rejected=rejected))
    assert "日本.png" in kept
    assert stream.getvalue() == f"\n{kept}\nNext:\n  bitpipe serve\n"


def test_classes_are_told_largest_first_and_no_more_than_a_dozen():
    assert classes_in_words({"bee": 2, "ant": 5, "cat": 2}) == "3 classes: ant 5, bee 2, cat 2"
    many = classes_in_words({f"c{n:02}": 100 - n for n in range(15)})
    assert many.startswith("15 classes: c00 100, ")
    assert many.endswith("c11 89 and 3 smaller ones")


def test_a_comparison_is_shown_where_there_was_one():
    assert "(+0.0100 against the model in service)" in summary(accuracy_change=0.01)


def test_what_the_gate_noted_is_shown_whatever_it_decided():
    notes = ["the baseline is damaged"]
    assert "the baseline is damaged" in summary(notes=notes)
    assert "the baseline is damaged" in summary(notes=notes, blessed=False)


def test_an_unchanged_model_is_called_that():
    assert "unchanged version 7" in summary(pushed=False)


def test_a_model_that_was_rolled_back_from_is_told_with_who_did_and_is_not_offered():
    text = summary("bitpipe serve", version=None, pushed=False, remark="it is one that ann ...")
    assert "blessed   yes\n" in text
    assert "\npushed    no: it is one that ann ...\n" in text
    assert "Next" not in text


def test_a_version_that_waits_is_told():
    assert "version 7 in out/serving/x\n            version 7 waits" in summary(
        remark="version 7 waits"
    )


def test_a_refusal_says_why_and_how_to_try_the_candidate():
    checks = [check("accuracy 0.4 is below", passed=False), check("it is calibrated", passed=True)]
    text = summary(
        "bitpipe classify",
        blessed=False,
        objections=["accuracy 0.4 is below"],
        checks=checks,
        version=None,
    )
    assert (
        "blessed   no, nothing was pushed:\n            accuracy 0.4 is below\n"
        "kept:\n            it is calibrated\n" in text
    )
    assert "candidate out/artifacts/Trainer/model/7/Format-Serving\n" in text
    assert text.endswith("\nTo try it nevertheless:\n  bitpipe classify\n")


@pytest.mark.parametrize("name", ["[red]a[/red].jpg", "[/]"])
def test_file_names_are_not_taken_for_markup(name):
    assert name in summary(rejected=[{"filename": name, "reason": "[empty]"}])


def test_a_report_that_could_not_be_written_is_said():
    assert "report    could not be written" in summary(report=None)


def test_of_many_objections_the_first_are_shown():
    objections = [f"recall of class 'c{n:02}' is below" for n in range(40)]
    text = summary(blessed=False, objections=objections, version=None)
    assert "'c11'" in text
    assert "'c12'" not in text
    assert "and 28 more, which the report lists\n" in text


def test_what_a_server_did_with_the_candidate_is_told_with_request_and_log():
    said = types.SimpleNamespace(
        sentences=("the embedded server loads it in 3.0 s",),
        request="gRPC Predict, model candidate, a.png",
        log=("INFO Loading version 1", "ERROR out of order"),
    )
    objections = ["the embedded server takes 30 ms, and 10 ms are allowed"]
    text = summary(blessed=False, version=None, objections=objections, serving_check=said)
    assert (
        text.index(objections[0]) < text.index("request   gRPC Predict") < text.index("ERROR out")
    )
    assert "loads it in 3.0 s" in text


def test_answers_that_are_no_class_are_told_with_the_precision_of_the_others():
    text = summary(accuracy=0.75, coverage=0.7889, precision=0.9507)
    assert "0.9507 on the 0.7889 of the pictures that are not answered 'unknown'" in text
    assert "unknown" not in summary()
