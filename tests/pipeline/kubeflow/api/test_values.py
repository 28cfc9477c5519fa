"""A run's parameters get their types, or are refused in one sentence."""

import pytest

from bitpipe.errors import BitpipeError, ConfigError
from pipeline.kubeflow.api.values import parameter_values
from tests.pipeline.kubeflow.packages import PARAMETERS


def test_parameters_get_their_types():
    given = ["data=gs://b/p=1", "steps=3", "min_accuracy=0.5"]
    values = parameter_values(PARAMETERS, given)
    assert values == {"data": "gs://b/p=1", "steps": 3, "min_accuracy": 0.5}
    assert [type(value) for value in values.values()] == [str, int, float]


def test_the_last_value_of_a_parameter_wins():
    assert parameter_values(PARAMETERS, ["data=a", "data=b"]) == {"data": "b"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("data", "takes NAME=VALUE"),
        ("=x", "takes NAME=VALUE"),
        ("step=3", "did you mean 'steps'?"),
        ("colour=red", "no such parameter; it has data, steps, min_accuracy"),
        ("steps=many", "--param steps must be NUMBER_INTEGER. Received: 'many'"),
        ("steps=1.5", "--param steps must be NUMBER_INTEGER. Received: '1.5'"),
        ("min_accuracy=nan", "--param min_accuracy must be a finite number"),
        ("min_accuracy=", "--param min_accuracy must be NUMBER_DOUBLE"),
        ("data={{workflow.name}}", "must not hold '{{'"),
        ("data=$(HOME)/photos", "must not hold '$('"),
    ],
)
def test_unfit_parameters_are_refused_in_one_sentence(given, complaint):
    with pytest.raises(BitpipeError) as error:
        parameter_values(PARAMETERS, ["data=/photos", given])
    assert complaint in str(error.value)
    assert error.value.exit_code == 2


def test_a_parameter_without_a_default_must_be_given():
    with pytest.raises(ConfigError, match="needs --param data=VALUE: Folder with"):
        parameter_values(PARAMETERS, [])
