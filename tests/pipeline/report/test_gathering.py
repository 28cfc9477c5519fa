"""What a report finds beside a model."""

import json

import pytest

pytestmark = pytest.mark.tfx


@pytest.fixture
def read(tmp_path):
    from pipeline.report.gathering import read_training

    def run(content):
        path = tmp_path / "training.json"
        if content is not None:
            path.write_text(content)
        return read_training(str(path))

    return run


def test_the_steps_of_a_phase_go_on_from_those_of_the_one_before(read):
    curve = [
        {"phase": "probe", "step": 0, "loss": 2.0, "held_out_loss": None},
        {"phase": "probe", "step": 40, "loss": 1.0, "accuracy": 0.5},
        {"phase": "fine_tune", "step": 20, "loss": 0.5, "accuracy": float("nan")},
    ]
    found = read(json.dumps({"form": 1, "method": "probe", "curve": curve}))
    assert [(point.step, dict(point.values)) for point in found.curve] == [
        (0, {"loss": 2.0}),
        (40, {"loss": 1.0, "accuracy": 0.5}),
        (60, {"loss": 0.5}),
    ]
    assert found.values == {"method": "probe"}


@pytest.mark.parametrize("content", [None, "", "[]", "{", '{"curve": [{}]}', '{"curve": 3}'])
def test_without_a_curve_that_can_be_read_there_is_none(read, content):
    assert read(content).curve == ()
