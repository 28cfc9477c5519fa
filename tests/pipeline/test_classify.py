"""Mistakes are told at once: before TensorFlow is imported, and before the first answer."""

import types

import pytest

import components.bit
from bitpipe.errors import ConfigError, DataError, UnreachableWeightsError, WeightsError
from components.bit import files, packaged
from pipeline.classify import RELEASED, classify


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """The sources that were opened; stands for the module that imports TensorFlow."""
    seen = []
    classifier = types.SimpleNamespace(
        open_classifier=lambda source, **_: seen.append(source),
        classify_files=lambda _, images, __: ((image, [("ant", 1.0)]) for image in images),
    )
    monkeypatch.setattr(components.bit, "classifier", classifier, raising=False)
    return seen


def test_each_picture_gets_its_labels(opened):
    answers = classify(["*.jpg"], "bit-m-r50x1-ilsvrc2012", variant="R50x1")
    assert list(answers) == [("*.jpg", [("ant", 1.0)])]
    assert opened == ["bit-m-r50x1-ilsvrc2012"]


def push(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()


def test_of_a_runs_serving_folder_the_only_model_is_taken(opened, tmp_path):
    for version in ("9", "10"):
        push(tmp_path / "serving" / "flowers" / version)
    classify([], str(tmp_path / "serving"))
    assert opened == [str(tmp_path / "serving" / "flowers" / "10")]
    push(tmp_path / "serving" / "birds" / "1")
    with pytest.raises(ConfigError, match=r"holds birds, flowers\. Write .*/serving/NAME\."):
        classify([], str(tmp_path / "serving"))


def test_pictures_that_cannot_be_there_are_told_before_anything_is_opened(opened, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        classify([tmp_path / "none.jpg"], "bit-m-r50x1-ilsvrc2012")
    assert opened == []


@pytest.mark.parametrize(
    ("backbone", "options", "kind", "complaint"),
    [
        ("bit-m-r50x1-ilsvrc2102", {}, WeightsError, "did you mean 'bit-m-r50x1-ilsvrc2012'"),
        ("bit-m-r50x1", {}, WeightsError, "21,843 classes"),
        ("bit-m-r50x1-ilsvrc2012", {"variant": "R5"}, ConfigError, "unknown variant 'R5'"),
    ],
)
def test_mistakes_are_told_before_anything_is_opened(opened, backbone, options, kind, complaint):
    with pytest.raises(kind, match=complaint):
        classify([], backbone, **options)
    assert opened == []


@pytest.fixture(autouse=True)
def reachable(monkeypatch):
    """The addresses that were looked for; all of them answer."""
    seen = []
    monkeypatch.setattr(files.download, "require_answer", seen.append)
    monkeypatch.setattr(files.download, "is_cached", lambda _: False)
    return seen


def test_a_named_classifier_that_cannot_be_reached_is_told_before_anything_is_opened(
    opened, monkeypatch
):
    def unreachable(url):
        raise UnreachableWeightsError(f"cannot download {url}.")

    monkeypatch.setattr(files.download, "require_answer", unreachable)
    with pytest.raises(WeightsError, match=r"cannot download .* --backbone bit-mini-in1k\."):
        classify([], RELEASED)
    assert opened == []


def test_without_a_name_the_released_classifier_answers_where_it_can_be_had(opened, monkeypatch):
    monkeypatch.setattr(files, "local", lambda source: source)
    told = []
    classify([], on_fallback=told.append)
    assert (opened, told) == ([RELEASED], [])


def test_without_a_network_the_packages_own_answers_and_says_how_well(opened, monkeypatch):
    def unreachable(source):
        raise WeightsError(f"cannot download {source}.")

    monkeypatch.setattr(files, "local", unreachable)
    told = []
    classify([], on_fallback=told.append)
    assert opened == [packaged.CLASSIFIER]
    (sentence,) = told
    assert sentence.startswith(f"cannot download {RELEASED}.")
    assert f"{packaged.TOP_1:.0%}" in sentence
    # Whoever names one gets that or its error.
    classify([], RELEASED)
    assert opened == [packaged.CLASSIFIER, RELEASED]
