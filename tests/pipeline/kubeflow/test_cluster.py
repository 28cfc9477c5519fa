"""Submitting and scheduling for Python callers: nothing is printed, all is told to `note`."""

import pytest

from bitpipe.errors import ConfigError
from pipeline.kubeflow import cluster
from pipeline.kubeflow.api import watch
from pipeline.kubeflow.api.connection import Connection
from pipeline.kubeflow.api.schedule import Plan
from pipeline.settings import config as configuration

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


@pytest.fixture
def checked(config):
    return configuration.load(config).config


def test_a_run_is_submitted_and_can_be_followed(stub, compiled, checked, capsys):
    notes, lines = [], []
    submitted = cluster.submit(checked, Connection(stub.url), ["steps=3"], note=notes.append)
    [body] = stub.bodies("create_run")
    assert body["runtime_config"]["parameters"] == {"steps": 3}
    assert stub.experiments[body["experiment_id"]]["display_name"] == "flowers"
    assert submitted.tasks == ["trainer", "pusher", "gate"]
    stub.story = [("SUCCEEDED", {"gate": "SUCCEEDED"})]
    ended = watch.follow(submitted.client, submitted.run, submitted.tasks, show=lines.append)
    assert (ended.exit_code, len(lines)) == (0, 1)
    assert notes == ["loading TFX ..."]
    assert capsys.readouterr() == ("", "")


def test_a_schedule_is_made_and_then_replaced(stub, compiled, checked):
    plan = Plan("nightly", "0 0 2 * * *")
    first = cluster.schedule(checked, Connection(stub.url), plan, experiment="nights")
    second = cluster.schedule(checked, Connection(stub.url), plan, experiment="nights")
    assert second.replaced == (first.id,)
    assert [item["display_name"] for item in stub.experiments.values()] == ["nights"]


def test_mistakes_are_told_before_anybody_is_asked(compiled, checked):
    nowhere = Connection("http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="did you mean 'steps'"):
        cluster.submit(checked, nowhere, ["stepz=3"])
    with pytest.raises(ConfigError, match="data that comes in spans"):
        cluster.schedule(checked, nowhere, Plan("n", "0 0 2 * * *"), span_window=2)
    assert compiled == []
