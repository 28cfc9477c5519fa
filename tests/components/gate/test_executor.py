"""The Evaluator refuses what must never be served, and survives a baseline that is gone."""

import json
import shutil

import msgspec
import pytest

from components.gate.settings import GateSettings
from tests import evaluation_split

pytestmark = pytest.mark.tfx

COLOURS = ("blue", "green", "red")
LENIENT = GateSettings(min_accuracy=0.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def examples(home):
    """Twelve pictures: six red, three green, three blue."""
    return evaluation_split.write(home / "examples", ["red"] * 6 + ["green"] * 3 + ["blue"] * 3)


@pytest.fixture(scope="module")
def model(home):
    """(name, labels, scores of a (B, 3) mean colour) -> a Model artifact with our signatures."""
    import tensorflow as tf
    from tfx.types import standard_artifacts

    from bitpipe.model.signature import SERVING, TRANSFORM_FEATURES
    from components import features

    made = {}

    def make(name, labels, answer):
        if name in made:
            return made[name]
        module = tf.Module()
        module.names = tf.constant(labels)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=features.IMAGE)])
        def classify(image):
            def mean(data):
                pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
                return tf.reduce_mean(tf.cast(pixels, tf.float32) / 255, axis=(0, 1))

            colours = tf.map_fn(mean, image, fn_output_signature=tf.TensorSpec([3], tf.float32))
            scores = answer(colours)
            names = tf.broadcast_to(module.names, tf.shape(scores))
            return {"scores": scores, "labels": names}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=features.LABEL)])
        def transform_features(label):
            matches = tf.equal(label[:, None], module.names[None, :])
            found = tf.where(tf.reduce_any(matches, 1), tf.argmax(matches, 1), -1)
            return {"label_index": found}

        artifact = standard_artifacts.Model()
        artifact.uri, artifact.id = str(home / name), len(made) + 1
        tf.saved_model.save(
            module,
            f"{artifact.uri}/Format-Serving",
            signatures={SERVING: classify, TRANSFORM_FEATURES: transform_features},
        )
        made[name] = artifact
        return artifact

    return make


@pytest.fixture
def judge(examples, tmp_path):
    """(candidate, baseline, gate) -> the verdict, what was counted, the answers."""
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    from components.gate import evaluation, executor, kept

    def run(candidate, baseline=None, gate=LENIENT, shown=None):
        evaluated, blessing = (
            standard_artifacts.ModelEvaluation(),
            standard_artifacts.ModelBlessing(),
        )
        evaluated.uri, blessing.uri = str(tmp_path / "evaluation"), str(tmp_path / "blessing")
        inputs = {"examples": [shown or examples], "model": [candidate]}
        if baseline:
            inputs["baseline_model"] = [baseline]
        executor.Executor().Do(
            inputs,
            {"evaluation": [evaluated], "blessing": [blessing]},
            {
                "eval_config": proto_utils.proto_to_json(evaluation.eval_config()),
                "example_splits": json.dumps(None),
                executor.GATE_KEY: msgspec.json.encode(gate).decode(),
            },
        )
        blessed = blessing.get_int_custom_property("blessed") == 1
        assert (tmp_path / "blessing" / "BLESSED").exists() == blessed
        measured = kept.read_measured(evaluated.uri)
        assert blessing.get_float_custom_property("accuracy") == measured.candidate.accuracy
        assert blessing.get_int_custom_property("pictures") == measured.candidate.pictures > 0
        said = kept.read_verdict(evaluated.uri)
        assert said.blessed == blessed
        return said, measured, list(kept.read_predictions(evaluated.uri))

    return run


def right(colours):
    """Blue, green, red from RGB, as probabilities."""
    import tensorflow as tf

    return tf.nn.softmax(8 * tf.reverse(colours, axis=[1]))


def always_red(colours):
    import tensorflow as tf

    return tf.broadcast_to(tf.constant([0.1, 0.1, 0.8]), tf.shape(colours))


def not_finite(colours):
    import tensorflow as tf

    return tf.broadcast_to(tf.constant([float("nan"), 0.0, 0.0]), tf.shape(colours))


def test_a_split_test_is_judged_without_the_baseline_and_decides_nothing(model, judge, home):
    shown = evaluation_split.write(
        home / "with test", ["red"] * 6 + ["green"] * 3 + ["blue"] * 3, test=["red", "red"]
    )
    red = model("always red", COLOURS, always_red)
    said, measured, answers = judge(red, model("good", COLOURS, right), shown=shown)
    assert not said.blessed
    assert (measured.test.accuracy, measured.test.pictures) == (1, 2)
    assert measured.candidate.pictures == len(answers) == 12
    assert any("accuracy 1.0000 on the 2 pictures of the split test" in one for one in said.notes)


def test_a_good_model_is_blessed_beside_an_equal_one_and_each_answer_is_kept(model, judge):
    good = model("good", COLOURS, right)
    said, measured, answers = judge(good, model("also good", COLOURS, right))
    assert (said.objections, said.notes) == ((), ())
    assert "no picture tells them apart" in said.sentences[1]
    assert [one.label for one in answers] == ["blue"] * 3 + ["green"] * 3 + ["red"] * 6
    assert answers[0].filename == "blue/10.png"
    assert answers[0].candidate.labels[0] == "blue"
    assert answers[0].candidate.scores == tuple(sorted(answers[0].candidate.scores, reverse=True))
    assert answers[0].baseline == answers[0].candidate
    assert measured.compared.pairs["red"].decided == 0


def test_scores_that_are_not_finite_are_never_blessed(model, judge):
    said, _, answers = judge(model("nan", COLOURS, not_finite))
    (objection,) = said.objections
    assert "not finite numbers on 12 of 12" in objection
    assert answers[0].candidate.labels == ()


def test_a_constant_model_passes_the_floor_and_is_refused_for_itself_and_beside_a_good_one(
    model, judge
):
    said, _, _ = judge(model("constant", COLOURS, always_red), model("good", COLOURS, right))
    drop, never, guess = said.objections
    assert "0.5000 below the model in service on the same 12 pictures" in drop
    assert "6 pictures decide: only the candidate is right on 0" in drop
    assert never.startswith("none of the 6 evaluation pictures of 'blue', 'green'")
    assert "no better than always answering" in guess


def test_models_of_different_classes_are_compared_on_those_that_both_know(model, judge):
    two = model("two", COLOURS[1:], lambda colours: right(colours)[:, 1:])
    good = model("good", COLOURS, right)
    said, measured, _ = judge(two, good)
    assert any("missing: 'blue'" in sentence for sentence in said.objections)
    assert "on the 9 evaluation pictures of the 2 classes that both" in said.notes[-1]
    assert measured.candidate.accuracy == 0.75
    assert measured.compared.candidate.accuracy == measured.compared.baseline.accuracy == 1.0


def test_a_model_of_other_classes_is_judged_by_the_floors_alone_where_that_is_asked_for(
    model, judge
):
    gate = GateSettings(min_accuracy=0.0, on_label_change="floor_only")
    said, measured, answers = judge(
        model("good", COLOURS, right), model("of two", COLOURS[1:], lambda c: right(c)[:, 1:]), gate
    )
    assert said.blessed
    assert said.notes[0] == "new against the model in service: 'blue'"
    assert measured.compared is None
    assert answers[0].baseline is None


def test_a_damaged_baseline_is_left_out_with_a_note(model, judge):
    from tfx.types import standard_artifacts

    good = model("good", COLOURS, right)
    damaged = standard_artifacts.Model()
    damaged.uri, damaged.id = good.uri + "-damaged", 99
    shutil.copytree(good.uri, damaged.uri)
    for file in (path for path in (good_path(damaged) / "variables").iterdir()):
        file.write_bytes(b"")
    (good_path(damaged) / "saved_model.pb").write_bytes(b"\xff\xff")
    said, _, _ = judge(good, damaged)
    assert said.blessed
    assert "cannot be loaded" in said.notes[0]


def good_path(artifact):
    from pathlib import Path

    return Path(artifact.uri) / "Format-Serving"
