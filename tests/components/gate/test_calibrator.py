"""The Calibrator on a real export, and the Evaluator behind it."""

import functools
import json
from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest

from bitpipe.errors import ConfigError, DataError, ModelLoadError
from bitpipe.model import calibration, signature
from components.gate.settings import GateSettings
from tests import bad_models, evaluation_split

pytestmark = pytest.mark.tfx

COLOURS = ["red"] * 24 + ["green"] * 16 + ["blue"] * 10


def artifact(kind, folder):
    from tfx.types import standard_artifacts

    made = getattr(standard_artifacts, kind)()
    made.uri = str(folder)
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("calibrator")


@pytest.fixture(scope="module")
def examples(home):
    return evaluation_split.write(home / "examples", COLOURS)


@pytest.fixture(scope="module")
def trained(home, transform_output):
    """An export with a random head: far too sure, and mostly wrong."""
    from components import preprocessing
    from components.bit import resnet_v2
    from components.training import served_model

    keras.utils.set_random_seed(3)
    model = resnet_v2.build("R14x0.5", num_classes=3)
    random = np.random.default_rng(0)
    head = model.layers[-1]
    head.set_weights([0.5 * random.normal(size=weight.shape) for weight in head.get_weights()])
    names = [n.decode() for n in transform_output.vocabulary_by_name(preprocessing.VOCABULARY)]
    folder = home / "trained"
    served_model.export(
        served_model.ServedModel(model, transform_output, names), str(folder / "Format-Serving")
    )
    return artifact("Model", folder)


def calibrate(model, examples, folder, **gate):
    from tfx import types
    from tfx.types import standard_artifacts as kinds

    from components.gate.calibration.component import CALIBRATED, Calibrator

    stage = Calibrator(
        model=types.Channel(type=kinds.Model),
        examples=types.Channel(type=kinds.Examples),
        gate=GateSettings(**gate),
    )
    made = artifact("Model", folder)
    Calibrator.EXECUTOR_SPEC.executor_class().Do(
        {"model": [model], "examples": [examples]},
        {CALIBRATED: [made]},
        dict(stage.exec_properties),
    )
    return made


@pytest.fixture(scope="module")
def calibrated(home, examples, trained):
    asked = {"calibrate": True, "calibration_share": 0.5, "reject_below": 0.55}
    return calibrate(trained, examples, home / "calibrated", **asked)


def serving(artifact):
    return str(Path(artifact.uri) / "Format-Serving")


@functools.cache
def answers(folder, examples):
    """label -> array, of all pictures, from a session as servers run it; for two tests."""
    import tensorflow as tf

    from components import features
    from serving.model.servable import SavedModelServable

    [file] = Path(examples, "Split-eval").iterdir()
    pictures = [
        tf.train.Example.FromString(record.numpy())
        .features.feature[features.IMAGE]
        .bytes_list.value[0]
        for record in tf.data.TFRecordDataset(str(file), "GZIP")
    ]
    servable = SavedModelServable(folder)
    outputs = servable.run(signature.SERVING, [np.array(pictures, object)])
    outputs["top"] = servable.run(signature.SERVING_TOP, [np.array(pictures, object)])["label"]
    servable.close()
    return outputs


def test_temperature_and_threshold_are_in_the_graph_that_is_served(trained, calibrated, examples):
    found = calibration.read(serving(calibrated))
    assert found.temperature != 1.0
    before, after = (answers(serving(one), examples.uri) for one in (trained, calibrated))
    logits = np.log(np.maximum(before["scores"].astype(float), 1e-38)) / found.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after["scores"], expected, atol=1e-5)
    best = np.take_along_axis(after["labels"], after["scores"].argmax(1)[:, None], axis=1)[:, 0]
    unsure = after["scores"].max(axis=1) < found.reject_below
    assert 0 < unsure.sum() < len(unsure)
    assert after["label"].tolist() == np.where(unsure, b"unknown", best).tolist()
    assert after["top"].tolist() == after["label"].tolist()
    assert b"unknown" not in after["labels"]
    assert b"unknown" not in before["label"]
    assert calibration.read(serving(trained)) == calibration.Calibration()


def test_what_reads_the_weights_alone_gives_the_served_scores(calibrated, examples):
    import tensorflow as tf

    from components import features
    from components.bit import classifier

    [file] = Path(examples.uri, "Split-eval").iterdir()
    record = next(iter(tf.data.TFRecordDataset(str(file), "GZIP"))).numpy()
    picture = tf.train.Example.FromString(record).features.feature[features.IMAGE]
    names, scores = classifier.open_classifier(serving(calibrated)).answer(
        picture.bytes_list.value[0]
    )
    served = answers(serving(calibrated), examples.uri)
    assert [name.encode() for name in names] == served["labels"][0].tolist()
    np.testing.assert_allclose(scores, served["scores"][0], atol=1e-4)


def test_the_pictures_that_were_fitted_on_judge_nobody(tmp_path, trained, calibrated, examples):
    from tfx.utils import proto_utils

    from components.gate import evaluation, executor, kept

    judged = artifact("ModelEvaluation", tmp_path / "evaluation")
    executor.Executor().Do(
        {"examples": [examples], "model": [calibrated], "baseline_model": [trained]},
        {"evaluation": [judged], "blessing": [artifact("ModelBlessing", tmp_path / "blessing")]},
        {
            "eval_config": proto_utils.proto_to_json(evaluation.eval_config()),
            "example_splits": json.dumps(None),
            executor.GATE_KEY: msgspec.json.encode(GateSettings(min_accuracy=0.0)).decode(),
        },
    )
    fitted = set(calibration.read(serving(calibrated)).pictures)
    shown = list(kept.read_predictions(judged.uri))
    assert len(fitted) == 25
    assert {one.sha256 for one in shown} == {f"{n:064x}" for n in range(len(COLOURS))} - fitted
    assert any(one.candidate.is_unknown for one in shown)
    assert not any(one.baseline.is_unknown for one in shown)
    measured = kept.read_measured(judged.uri)
    assert measured.compared.pairs["red"].pictures == 12
    assert measured.candidate.unknown == sum(one.candidate.is_unknown for one in shown)
    said = kept.read_verdict(judged.uri)
    assert any("fitted on 25 pictures, judged on 25 others" in note for note in said.notes)


def test_what_cannot_be_fitted_is_told_in_a_sentence(home, tmp_path, trained, examples):
    with pytest.raises(DataError, match=r"at least 10 pictures\. Received: 4 of 50"):
        calibrate(trained, examples, tmp_path / "few", calibrate=True, calibration_share=0.1)
    bad_models.save(tmp_path / "foreign" / "Format-Serving")
    foreign = artifact("Model", tmp_path / "foreign")
    with pytest.raises(ModelLoadError, match="has no temperature: train it again"):
        calibrate(foreign, examples, tmp_path / "rewritten", reject_below=0.5)
    named = ("unknown", "green", "red")
    bad_models.save(tmp_path / "named" / "Format-Serving", labels=named)
    with pytest.raises(ConfigError, match="no class may be called so"):
        calibrate(artifact("Model", tmp_path / "named"), examples, tmp_path / "x", reject_below=0.5)
