"""The file that tells how a model was trained."""

import json

import pytest

from bitpipe.model import training
from bitpipe.model.training import HEAD, NETWORK, Point, Training

TRAINED = Training(
    method="probe_then_fine_tune",
    reason="train.method says so",
    trained=90,
    held_out=10,
    best_step=50,
    curve=(
        Point(phase=HEAD, step=20, loss=0.5, accuracy=0.75, learning_rate=0.01),
        Point(phase=NETWORK, step=0, held_out_loss=0.25, held_out_accuracy=1.0),
    ),
)


def put(folder, content):
    place = folder / training.FILE
    place.parent.mkdir()
    place.write_text(content)
    return str(folder)


def test_what_is_written_can_be_read(tmp_path):
    assert training.read(put(tmp_path, TRAINED.to_json())) == TRAINED


def test_others_find_the_curve_by_its_names(tmp_path):
    known = json.loads(TRAINED.to_json())
    assert known["form"] == 1
    assert known["method"] == "probe_then_fine_tune"
    assert known["curve"][1] == {
        "phase": "fine_tune",
        "step": 0,
        "loss": None,
        "accuracy": None,
        "learning_rate": None,
        "held_out_loss": 0.25,
        "held_out_accuracy": 1.0,
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        TRAINED.to_json().replace('"form": 1', '"form": 2'),
        '{"form": 1, "curve": [3]}',
    ],
)
def test_of_what_has_no_sense_nothing_is_known(tmp_path, content):
    assert training.read(put(tmp_path, content)) is None


def test_of_a_model_without_the_file_nothing_is_known(tmp_path):
    assert training.read(str(tmp_path)) is None
