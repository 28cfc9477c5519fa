"""Whatever is wrong with a model, the Evaluator and the Pusher together let none into service.

A few kinds; all of them, through the whole graph: `make test-bad-models`.
"""

import pytest

from bitpipe.errors import UnfitModelError
from components.gate.settings import GateSettings
from tests import evaluation_split
from tests.bad_models import KINDS, save

pytestmark = pytest.mark.tfx

GATE = GateSettings(min_accuracy=0.5)

# Those that no other test lets past the Evaluator, one for each way to be found out.
TRIED = (
    *("no serving signature", "another output", "weights cut off"),
    *("served labels swapped", "wrong classes", "worse"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("bad-models")


@pytest.fixture(scope="module")
def examples(home):
    """Thirty pictures: fifteen red, eight green, seven blue."""
    return evaluation_split.write(home / "examples", ["red"] * 15 + ["green"] * 8 + ["blue"] * 7)


@pytest.fixture(scope="module")
def pass_on(home, examples):
    """(model, number of the run, baseline) -> what the gate said, what the Pusher did."""
    from pathlib import Path

    from tfx import types
    from tfx.types import standard_artifacts as kinds

    from components.gate.component import Evaluator
    from components.release.component import Pusher

    def channel(kind):
        return types.Channel(type=kind)

    judging = Evaluator(
        gate=GATE, examples=channel(kinds.Examples), model=channel(kinds.Model)
    ).spec.exec_properties
    pushing = Pusher(
        model=channel(kinds.Model),
        model_blessing=channel(kinds.ModelBlessing),
        infra_blessing=None,
        examples=channel(kinds.Examples),
        evaluation=channel(kinds.ModelEvaluation),
        folder=str(home / "serving"),
        backbone="scratch",
        code="c0de",
        keep_versions=5,
    ).spec.exec_properties

    def run(model, number, baseline=None):
        evaluation, blessing = kinds.ModelEvaluation(), kinds.ModelBlessing()
        pushed = kinds.PushedModel()
        for artifact in (evaluation, blessing, pushed):
            artifact.uri = str(home / f"{artifact.type_name}-{number}")
        inputs = {"examples": [examples], "model": [model]}
        judged = {**inputs, **({"baseline_model": [baseline]} if baseline else {})}
        Evaluator.EXECUTOR_SPEC.executor_class().Do(
            judged, {"evaluation": [evaluation], "blessing": [blessing]}, dict(judging)
        )
        Pusher.EXECUTOR_SPEC.executor_class().Do(
            {**inputs, "model_blessing": [blessing], "evaluation": [evaluation]},
            {"pushed_model": [pushed]},
            dict(pushing),
        )
        said = (Path(evaluation.uri) / "verdict.json").read_text()
        return said, pushed

    return run


def artifact(folder, number):
    from tfx.types import standard_artifacts

    made = standard_artifacts.Model()
    made.uri, made.id = str(folder), number
    return made


@pytest.fixture(scope="module")
def good(home, pass_on):
    """The model in service."""
    save(home / "good" / "Format-Serving")
    model = artifact(home / "good", 1)
    said, pushed = pass_on(model, 0)
    assert pushed.get_int_custom_property("pushed") == 1, said
    return model


def in_service(home):
    """Every file that a server may see."""
    folder = home / "serving"
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kind", TRIED)
def test_a_bad_model_is_never_pushed(home, pass_on, good, kind):
    number = 2 + list(KINDS).index(kind)
    before = in_service(home)
    folder = home / kind.replace(" ", "-")
    KINDS[kind].write(folder / "Format-Serving")
    model = artifact(folder, number)
    # Loading and asking a second model takes as long as the rest.
    baseline = good if KINDS[kind].by_comparison else None
    if not KINDS[kind].judged:  # the stage fails, and TFX does not go on to the Pusher
        with pytest.raises(UnfitModelError, match=KINDS[kind].said):
            pass_on(model, number, baseline)
    else:
        said, pushed = pass_on(model, number, baseline)
        assert KINDS[kind].said in said
        assert pushed.get_int_custom_property("pushed") == 0
        assert pushed.get_int_custom_property("model_id") == 0
    assert in_service(home) == before


def test_an_equal_model_is_not_pushed_again(home, pass_on, good):
    before = in_service(home)
    _, pushed = pass_on(good, 100, good)
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_int_custom_property("model_id") == good.id
    assert in_service(home) == before
