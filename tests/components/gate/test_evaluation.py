"""What the gate asks of TFMA, and what is made of TFMA's answer."""

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from components.gate.settings import GateSettings

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def evaluation():
    from components.gate import evaluation

    return evaluation


@pytest.fixture(scope="module")
def protos():
    from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

    def make(metrics, validation):
        records = [
            text_format.Parse(text, metrics_for_slice_pb2.MetricsForSlice()) for text in metrics
        ]
        return records, text_format.Parse(validation, validation_result_pb2.ValidationResult())

    return make


def metric(name, value, *, model="candidate", diff=False):
    return f"""
      metric_keys_and_values {{
        key {{ name: "{name}" model_name: "{model}" is_diff: {str(diff).lower()} }}
        value {{ double_value {{ value: {value} }} }}
      }}"""


def of_class(name):
    key = f'single_slice_keys {{ column: "label" bytes_value: "{name}" }}'
    return f"slice_key {{ {key} }}"


ACCURACY = "sparse_categorical_accuracy"
WITH_BASELINE = (
    "slice_key {}"
    + metric("example_count", 40)
    + metric("unusable_scores", 2)
    + metric("example_count", 40, model="baseline")
    + metric(ACCURACY, 0.75)
    + metric(ACCURACY, 0.8, model="baseline")
    + metric(ACCURACY, -0.05, diff=True),
    of_class("rosé")
    + metric(ACCURACY, 1.0)
    + metric("example_count", 30)
    + metric(ACCURACY, 0.9, model="baseline"),
    of_class("ant")
    + metric(ACCURACY, 0.5)
    + metric("example_count", 10)
    + metric(ACCURACY, 0.1, diff=True),
)


def test_candidate_baseline_and_difference_are_told_apart(evaluation, protos):
    found = evaluation.summarise(*protos(WITH_BASELINE, "validation_ok: true"))
    assert found == evaluation.Evaluation(
        accuracy=0.75,
        unusable=2,
        num_examples=40,
        by_class={"ant": 0.5, "rosé": 1.0},
        counts={"ant": 10, "rosé": 30},
        change=-0.05,
        objections=(),
    )


def test_without_a_baseline_there_is_no_change(evaluation, protos):
    text = "slice_key {}" + "".join(
        metric(name, value, model="")
        for name, value in (("example_count", 9), (ACCURACY, 1), ("unusable_scores", 0))
    )
    found = evaluation.summarise(*protos([text], "validation_ok: true"))
    assert (found.accuracy, found.num_examples, found.change) == (1.0, 9, None)


def failure(value, threshold, *, diff=False):
    return f"""failures {{
      metric_key {{ name: "{ACCURACY}" is_diff: {str(diff).lower()} }}
      metric_value {{ double_value {{ value: {value} }} }}
      metric_threshold {{ {threshold} }}
    }}"""


def test_every_missed_threshold_is_one_sentence_with_numbers_and_setting(evaluation, protos):
    floor = "value_threshold { lower_bound { value: 0.9 } }"
    drop = "change_threshold { absolute { value: -0.01 } }"
    validation = f"""
      metric_validations_per_slice {{
        slice_key {{}} {failure(0.75, floor)} {failure(-0.05, drop, diff=True)}
      }}
      metric_validations_per_slice {{ {of_class("ant")} {failure(0.5, floor)} }}
    """
    found = evaluation.summarise(*protos(WITH_BASELINE, validation))
    assert found.objections == (
        "accuracy 0.7500 is below the floor 0.9000 (gate.min_accuracy)",
        "accuracy is 0.0500 below the model in service, 0.0100 is allowed (gate.max_drop)",
        "accuracy of class 'ant' 0.5000 is below the floor 0.9000 (gate.min_class_accuracy)",
    )


def test_a_slice_without_examples_is_an_objection(evaluation, protos):
    validation = "missing_slices { }"
    (objection,) = evaluation.summarise(*protos(WITH_BASELINE, validation)).objections
    assert "no examples" in objection


@given(floor=st.floats(0, 1), drop=st.floats(0, 1), per_class=st.none() | st.floats(0, 1))
def test_the_settings_become_tfmas_thresholds(evaluation, floor, drop, per_class):
    gate = GateSettings(min_accuracy=floor, max_drop=drop, min_class_accuracy=per_class)
    config = evaluation.eval_config(gate)
    overall, *classes = config.metrics_specs[0].metrics[1].per_slice_thresholds
    assert overall.threshold.value_threshold.lower_bound.value == pytest.approx(floor)
    # An equal candidate passes even with max_drop 0.
    assert -drop - 1e-6 < overall.threshold.change_threshold.absolute.value < -drop
    assert [list(c.slicing_specs[0].feature_keys) for c in classes] == [["label"]] * len(classes)
    floors = [c.threshold.value_threshold.lower_bound.value for c in classes]
    assert floors == ([] if per_class is None else [pytest.approx(per_class)])
    assert [spec.is_baseline for spec in config.model_specs] == [False, True]


def test_the_gate_judges_the_production_signature_on_raw_pictures(evaluation):
    from bitpipe.model import signature

    for spec in evaluation.eval_config(GateSettings()).model_specs:
        assert spec.signature_name == signature.SERVING == "serving_default"
        assert spec.prediction_key == signature.SCORES
