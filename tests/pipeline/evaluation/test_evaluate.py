"""`bitpipe evaluate` on models that need no training."""

import json
import re

import pytest
from click.testing import CliRunner

from bitpipe.errors import ModelFolderError
from components.image_example_gen.settings import DataSettings
from pipeline.cli import cli
from pipeline.evaluation import judging
from tests import bad_models
from tests.pictures import picture, write_folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Class folders, and a folder of versions with a good model."""
    home = tmp_path_factory.mktemp("evaluate")
    write_folder(home / "photos", per_class=4)
    (home / "photos" / "red" / "broken.png").write_bytes(b"?")
    bad_models.save(home / "serving" / "colours" / "7")
    return home


@pytest.fixture(scope="module")
def twin(home):
    """Takes blue for green."""
    bad_models.save(home / "twin", answer=bad_models.blue_for_green)
    return home / "twin"


def evaluate(home, *arguments, data="photos", code=0):
    words = ["evaluate", "--data", home / data, "--out", home / "report", *arguments]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


def result(home, *arguments, **options):
    """The JSON object, whatever was said before it."""
    return json.loads(evaluate(home, "--json", *arguments, **options).splitlines()[-1])


def test_the_version_in_service_is_judged_and_told_in_words_and_on_a_page(home):
    shown = evaluate(home, "--models", home / "serving")
    assert f"model     {home}/serving/colours/7" in shown
    assert "accuracy 1.0000 on 12 pictures of 3 classes" in shown
    assert "1 pictures could not be judged" in shown
    assert "red/broken.png: " in shown
    page = (home / "report" / "report.html").read_text()
    assert "colours/7" in page
    assert "Blessed" not in page
    assert "Not blessed" not in page
    assert "HyperRule" not in page
    assert page.count("data:image/jpeg") >= 3
    assert "broken.png" in (home / "report" / "rejected.csv").read_text()


def test_two_models_are_compared_on_the_same_pictures(home, twin):
    found = result(home, "--models", home / "serving", twin)
    assert found["accuracy"] == 1.0
    assert [one["accuracy"] for one in found["accuracies"][:2]] == [1.0, pytest.approx(2 / 3)]
    assert "only the first is right on 4, only the second on 0 (p = 0.12" in found["notes"][1]
    assert {row["class"]: row["change"] for row in found["classes"]}["green"] == 1.0
    page = (home / "report" / "report.html").read_text()
    assert "model in service" not in page


def test_classes_that_do_not_meet_are_told_by_name_and_none_in_common_is_an_error(home):
    for name in ("blue", "green", "purple"):
        folder = home / "other" / name
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(picture("green" if name == "purple" else name))
    found = result(home, "--models", home / "serving", data="other")
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert any("does not know 'purple': such pictures count" in note for note in found["notes"])
    assert any(note.endswith("knows as 'red'") for note in found["notes"])
    for name in ("blue", "green"):
        (home / "other" / name).rename(home / "other" / f"dark {name}")
    shown = evaluate(home, "--models", home / "serving", data="other", code=2)
    assert "Received: 'dark blue', 'dark green', 'purple' in" in shown


def test_a_split_that_nothing_was_trained_or_blessed_by_is_taken_where_there_is_one(home):
    for split, colour in (("train", "red"), ("val", "green"), ("test", "blue")):
        for label in ("red", "blue"):
            (home / "split" / split / label).mkdir(parents=True)
            content = picture(colour if label == "red" else "blue", noise=9)
            (home / "split" / split / label / f"{split}.png").write_bytes(content)
    served = ("--models", home / "serving")
    assert result(home, *served, data="split")["accuracy"] == 0.5
    assert result(home, *served, "--split", "train", data="split")["accuracy"] == 1.0
    assert result(home, *served, "--split", "all", data="split")["pictures"] == 6
    shown = evaluate(home, *served, "--split", "dev", data="split", code=2)
    assert "brings the splits eval, test, train" in shown


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("no serving signature", r"must take image and return scores and labels"),
        ("weights cut off", "cannot be loaded"),
    ],
)
def test_what_is_no_such_model_is_one_sentence(home, tmp_path, kind, complaint):
    bad_models.KINDS[kind].write(tmp_path / "model")
    shown = evaluate(home, "--models", tmp_path / "model", code=1)
    assert re.search(complaint, shown)
    assert len(shown.strip().splitlines()) == 1


def test_a_class_that_cannot_be_told_from_the_answer_that_is_none_is_refused(home, tmp_path):
    bad_models.save(tmp_path / "model", answered=("blue", "unknown", "red"))
    for label, colour in (("blue", "blue"), ("unknown", "green")):
        (home / "odd" / label).mkdir(parents=True)
        (home / "odd" / label / "1.png").write_bytes(picture(colour))
    shown = evaluate(home, "--models", tmp_path / "model", data="odd", code=2)
    assert "Received: a class 'unknown' in" in shown
    assert result(home, "--models", home / "serving", data="odd")["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("name", "problem"),
    [("none", "does not exist"), ("photos", "holds neither"), ("file", "is no folder")],
)
def test_what_is_no_model_at_all_is_told_before_tensorflow_is_loaded(tmp_path, name, problem):
    (tmp_path / "photos" / "ant").mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(ModelFolderError, match=problem) as caught:
        judging.judge(str(tmp_path), [str(tmp_path / name)], DataSettings())
    assert caught.value.exit_code == 2


def test_a_model_that_refuses_every_picture_is_told_with_its_words(home, tmp_path):
    bad_models.KINDS["fails on pictures"].write(tmp_path / "model")
    shown = evaluate(home, "--models", tmp_path / "model", code=2)
    assert "none of the 13 pictures" in shown
    assert "a model refuses it" in shown
