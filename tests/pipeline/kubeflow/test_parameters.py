"""A run's parameters: what Kubeflow writes is read back, what is out of range is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import ConfigError
from pipeline.kubeflow import parameters
from pipeline.settings import config


def declared(*overrides):
    return {p.name: p for p in parameters.declared(config.load("smoke", overrides).config)}


def test_defaults_are_the_configurations():
    found = declared(
        "kubeflow.data=/photos", "gate.min_accuracy=0.8", "gate.min_recall_per_class=0.4"
    )
    assert {name: p.default for name, p in found.items()} == {
        "data": "/photos",
        "steps": 30,
        "min_accuracy": 0.8,
        "max_drop": 0.0,
        "min_recall_per_class": 0.4,
    }
    assert all(p.description.endswith(".") for p in found.values())


def test_steps_left_to_the_rule_are_zero_and_an_unknown_folder_is_required():
    found = declared("train.steps=null")
    assert found["steps"].default == 0
    assert found["data"].default is None


def test_a_span_can_be_chosen_where_the_pattern_has_one():
    assert "span" not in declared()
    assert declared("data.pattern=span-{SPAN}/*/*")["span"].default == parameters.LATEST_SPAN


@given(st.integers(-(2**31), 2**31))
def test_whole_numbers_survive_every_spelling(value):
    for text in (str(value), f"{value}.0", json.dumps(float(value))):
        assert parameters.parse("NUMBER_INTEGER", text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_json(value):
    assert parameters.parse("NUMBER_DOUBLE", json.dumps(value)) == value


@given(st.text())
def test_text_is_left_alone(value):
    assert parameters.parse("STRING", value) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("NUMBER_INTEGER", "3.5"), ("NUMBER_INTEGER", "many"), ("NUMBER_INTEGER", "inf"),
     ("NUMBER_INTEGER", "nan"), ("NUMBER_DOUBLE", "")],
)  # fmt: skip
def test_what_is_not_of_the_type_is_one_sentence(kind, text):
    with pytest.raises(ConfigError, match=rf"of type {kind}\. Received: '{text}'"):
        parameters.parse(kind, text)


def test_a_stage_is_given_only_what_its_parameters_make():
    assert parameters.bindings({"steps": 5}) == {"steps": 5}
    assert parameters.bindings({"data": "/photos"}) == {"data": "/photos"}
    assert parameters.bindings({"min_accuracy": 0.5}) == {}


@pytest.mark.parametrize(
    ("span", "window", "expected"),
    [
        (-1, 1, {"rolling_range": {"num_spans": 1}}),
        (-1, 7, {"rolling_range": {"num_spans": 7}}),
        (7, 1, {"static_range": {"start_span_number": 7, "end_span_number": 7}}),
    ],
)
def test_a_span_is_the_latest_ones_or_one(span, window, expected):
    bound = parameters.bindings({"span": span, "span_window": window})
    assert json.loads(bound["range-config"]) == expected


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"data": ""}, "data must name a folder"),
        ({"steps": -1}, r"steps must be 0 or more\. Received: -1"),
        ({"span": -2, "span_window": 1}, "-1 for the latest"),
        ({"span": -1, "span_window": 0}, r"span_window must be 1 or more.* Received: 0"),
        ({"span": 3, "span_window": 2}, r"1 where span names one\. Received: 2, and 3"),
    ],
)
def test_what_is_out_of_range_is_one_sentence(values, sentence):
    with pytest.raises(ConfigError, match=sentence):
        parameters.bindings(values)
