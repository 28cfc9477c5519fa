"""The functions of `import bitpipe`: what is promised of them, and what they cost."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bitpipe
from bitpipe.errors import (
    AddressError,
    ClientOptionsError,
    ConfigError,
    DataError,
    MissingExtraError,
    ModelFolderError,
    WeightsError,
)
from pipeline import api, launch
from tests.pictures import picture

ROOT = Path(__file__).parents[2]
PROMISED = (ROOT / "docs/python.md").read_text(encoding="utf-8")


def signatures(text):
    """Name -> its arguments and what it returns, of the functions in Python code."""
    return {
        node.name: (ast.unparse(node.args), ast.unparse(node.returns))
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_the_signatures_are_those_that_the_documentation_promises():
    blocks = re.findall(r"^```python\n(def .+?)^```$", PROMISED, re.MULTILINE | re.DOTALL)
    promised = signatures("\n".join(f"{block.rstrip()}\n    ...\n" for block in blocks))
    assert promised == signatures(Path(api.__file__).read_text(encoding="utf-8"))
    assert sorted(promised) == bitpipe.__all__


def test_every_argument_and_every_error_is_told():
    for name in bitpipe.__all__:
        function = getattr(bitpipe, name)
        told = inspect.getdoc(function)  # newer Pythons strip what older ones keep
        arguments = [argument for argument in function.__annotations__ if argument != "return"]
        for argument in arguments:
            assert f"\n    {argument}: " in told, (name, argument)
        section = PROMISED.partition(f"## `{name}`")[2].partition("\n## ")[0]
        for argument in arguments:
            assert f"`{argument}`" in section, (name, argument)
        raised = re.findall(r"\w+Error\b", told.partition("Raises:")[2])
        for error in raised:
            assert f"`{error}`" in PROMISED, (name, error)


def test_import_is_free_and_a_function_brings_no_framework():
    code = (
        "import sys; before = set(sys.modules); import bitpipe; first = set(sys.modules) - before\n"
        "bitpipe.run, bitpipe.load, bitpipe.classify, bitpipe.predict\n"
        "import json; print(json.dumps([sorted(first), sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, after = json.loads(done.stdout)
    assert first == ["bitpipe"]
    assert not {"numpy", "tensorflow", "keras", "tfx", "grpc", "click", "yaml"} & set(after)


def test_what_there_is_not_is_an_attribute_error():
    assert set(bitpipe.__all__) <= set(dir(bitpipe))
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        bitpipe.train  # noqa: B018


def test_settings_win_over_the_configuration_and_are_told_for_the_report(monkeypatch, tmp_path):
    seen = {}

    def launched(config, data, out, **told):
        seen.update(told, config=config, data=data, out=out)
        return "result", Path("log")

    monkeypatch.setattr(launch, "run", launched)
    settings = {
        "train.steps": 7,
        "train.boundaries": (2, 5),
        "data.group": "(?P<group>a: b)",
        "gate.allow_removed_classes": True,
        "train.learning_rate": 1e-5,
        "train.batch_size": np.int64(8),
        "model.backbone": tmp_path / "weights",
    }
    assert bitpipe.run(tmp_path / "in", "out", config="smoke", settings=settings) == "result"
    config = seen["config"]
    assert (config.name, config.train.steps, config.train.boundaries) == ("smoke", 7, (2, 5))
    assert (config.data.group, config.gate.allow_removed_classes) == ("(?P<group>a: b)", True)
    assert (config.train.learning_rate, config.train.batch_size) == (1e-5, 8)
    assert config.model.backbone == str(tmp_path / "weights")
    assert (seen["data"], seen["out"]) == (str(tmp_path / "in"), Path("out"))
    assert seen["origins"]["train.steps"] == "--set train.steps=7"
    assert "--config smoke --set train.steps=7" in seen["command"]


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        (lambda: api.run("x", "y", settings={"train.stepz": 1}), ConfigError, "did you mean"),
        (lambda: api.run("x", "y", settings={"name": {1}}), ConfigError, r"Received: \{1\} for na"),
        (lambda: api.run("x", "y", settings="train.steps=1"), ConfigError, "a mapping, such as"),
        (lambda: api.run("no/such", "y"), DataError, "no/such"),
        (lambda: api.run("no/such", None), ConfigError, "out must be a path. Received: None"),
        (lambda: api.run("no/such", "s3://a/b"), ConfigError, "must be a path on a disk of this"),
        (lambda: api.run(None, "y"), ConfigError, "data must be a path. Received: None"),
        (lambda: api.load(""), ConfigError, "backbone must be a path. Received: an empty text"),
        (lambda: api.load("bit-mini", num_classes=0), ConfigError, "num_classes must be a whole"),
        (lambda: api.load("bit-mini", num_classes=2.5), ConfigError, r"Received: 2\.5"),
        (lambda: api.load("bit-mini", num_classes=True), ConfigError, "Received: True"),
        (lambda: api.classify(None, "bit-mini-in1k"), DataError, "images must be paths, or one"),
        (lambda: api.classify([b"x"], "bit-mini-in1k"), DataError, "images must be a path"),
        (lambda: api.classify("x", "bit-mini-in1k", size=3), ConfigError, "size .* from 8 to 4096"),
        (lambda: api.predict([1], "localhost:1", "photos"), DataError, "images must be a path"),
        (lambda: api.predict(b"", None, "photos"), AddressError, "address such as HOST:PORT"),
        (lambda: api.predict(b"", "localhost:1", None), ClientOptionsError, "name must be a text"),
        (lambda: api.load("bit-mimi"), WeightsError, "did you mean 'bit-mini'"),
        (lambda: api.load("bit-mini", head=True), ConfigError, "Say it as num_classes"),
        (lambda: api.load("bit-mini", variant="R50x1"), ConfigError, "is of R26x0.5"),
        (lambda: api.classify("no.jpg", "bit-mini-in1k"), DataError, r"no\.jpg"),
        (lambda: api.classify([], "bit-m-r50x1"), WeightsError, "without names"),
        (lambda: api.predict(b"", "nowhere", "photos"), AddressError, "nowhere"),
        (lambda: api.predict("http://x/y.jpg", "localhost:1", "photos"), DataError, "the web"),
    ],
)
def test_a_mistake_is_a_sentence_of_bitpipes_errors_at_once(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_version_that_is_gone_is_told(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    (tmp_path / "release.json").write_text('{"form": 1, "stable": 2}')
    with pytest.raises(ModelFolderError, match="promote one of them"):
        bitpipe.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "call"),
    [("load", lambda: api.load("bit-mini")), ("run", lambda: api.run("d", "o", config="smoke"))],
)
def test_a_missing_extra_is_named_with_the_function(monkeypatch, name, call):
    def missing(*_, **__):
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.setattr("components.bit.networks.variant_of", missing)
    monkeypatch.setattr(launch, "run", missing)
    with pytest.raises(MissingExtraError, match=rf"`bitpipe\.{name}` needs the extra 'train'"):
        call()


def test_bit_gives_features_or_logits_of_a_new_head_or_of_its_own(tmp_path):
    pictures = np.random.default_rng(0).random((2, 40, 56, 3), np.float32)
    features = bitpipe.load("bit-mini")
    assert features(pictures).shape == (2, 1024)
    assert len(features.trainable_variables) == len(features.variables) > 50
    new = bitpipe.load("bit-mini", num_classes=3)
    assert new(pictures).shape == (2, 3)
    assert not np.asarray(new(pictures)).any()
    known = bitpipe.load("bit-mini-in1k", head=True)
    assert known(pictures).shape == (2, 1000)
    assert np.asarray(known(pictures)).any()


def test_one_picture_needs_no_list_and_the_scores_are_complete(tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(picture("red"))
    [(answered, scores)] = bitpipe.classify(path, "bit-mini-in1k")
    assert answered == path
    assert len(scores) == 1000
    assert sum(score for _, score in scores) == pytest.approx(1, abs=1e-4)
    assert [score for _, score in scores] == sorted((s for _, s in scores), reverse=True)
