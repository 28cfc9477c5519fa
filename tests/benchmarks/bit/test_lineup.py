import dataclasses

import pytest

from benchmarks.bit import lineup
from benchmarks.bit.process import OURS

TRAIN, INFER_1, INFER_16, SERVE_1, SERVE_16 = lineup.BIT_ROWS


def test_rows_are_the_workloads_that_goals_are_set_for():
    cells = [(row.image_size, row.batch, row.training, row.keras_goal) for row in lineup.BIT_ROWS]
    assert cells[:3] == [(128, 32, True, 1.3), (128, 1, False, 1.5), (128, 16, False, 1.5)]
    assert cells[3:] == [(224, 1, False, 1.0), (224, 16, False, 1.0)]
    assert [row.image_size for row in lineup.ACCELERATOR_ROWS] == [128, 224, 480]


@pytest.mark.parametrize("row", lineup.BIT_ROWS + lineup.ACCELERATOR_ROWS, ids=lambda r: r.name)
def test_one_of_ours_is_judged_and_names_are_distinct(row):
    assert row.judged in row.contenders
    assert row.judged.family == OURS
    assert len(row.families) == len(row.contenders)


def test_ours_is_judged_against_the_faster_of_each_family():
    median = {
        lineup.OURS_GRAPH.name: 1.0,
        lineup.KERAS_GRAPH.name: 1.6,
        lineup.KERAS_COMPILE.name: 1.2,
        lineup.TORCH_EAGER.name: 0.9,
        lineup.TORCH_COMPILED.name: 1.1,
    }
    keras, torch = TRAIN.goals(median)
    assert (keras.ratio, keras.met) == (1.2, False)
    assert "compile()" in keras.text
    assert (torch.ratio, torch.met) == (0.9, False)


def test_inference_is_judged_with_folded_weights():
    median = {lineup.OURS_GRAPH.name: 0.1, lineup.OURS_FOLDED.name: 1, lineup.KERAS_GRAPH.name: 2}
    assert INFER_1.goals(median)[0].ratio == 2


def test_the_served_graph_is_judged_in_each_precision_against_pytorch_in_the_same():
    median = {
        lineup.SERVED.name: 1.0,
        lineup.TORCH_FROZEN.name: 1.1,
        lineup.SERVED_BFLOAT16.name: 0.6,
        lineup.TORCH_BFLOAT16.name: 0.3,
    }
    assert [goal.ratio for goal in SERVE_16.goals(median)] == [1.1, 0.5]
    del median[lineup.TORCH_BFLOAT16.name]
    assert [goal.ratio for goal in SERVE_1.goals(median)] == [1.1, None]


def test_absent_rival_is_not_judged():
    median = {lineup.OURS_GRAPH.name: 1.0, lineup.KERAS_GRAPH.name: 1.4}
    keras, torch = TRAIN.goals(median)
    assert keras.met is True
    assert torch.met is None


def test_accelerator_row_has_no_goal_against_keras():
    [goal] = lineup.ACCELERATOR_ROWS[0].goals({lineup.JAX.name: 1.0, lineup.TIMM.name: 1.5})
    assert (goal.ratio, goal.met) == (1.5, True)


def test_only_pytorch_runs_in_its_own_environment(monkeypatch):
    monkeypatch.setenv("BENCH_TORCH_PYTHON", "/elsewhere/python")
    assert lineup.TORCH_EAGER.python == "/elsewhere/python"
    assert lineup.OURS_GRAPH.python != "/elsewhere/python"
    monkeypatch.delenv("BENCH_TORCH_PYTHON")
    assert dataclasses.replace(lineup.TORCH_EAGER).python == lineup.OURS_GRAPH.python
