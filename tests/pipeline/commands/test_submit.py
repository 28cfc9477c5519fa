"""`bitpipe submit`: what it prints, sends and ends with."""

import json
import time

import pytest

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


def test_submit_prints_the_address_of_the_run(invoke, stub, compiled, config):
    code, out, _ = invoke(
        "submit", "--config", config, "--host", stub.url, "--param", "steps=3", "--set", "name=tiny"
    )
    [run_id] = stub.runs
    assert (code, out) == (0, f"{stub.url}/#/runs/details/{run_id}\n")
    [body] = stub.bodies("create_run")
    assert body["runtime_config"]["parameters"] == {"steps": 3}
    assert body["service_account"] == "bitpipe"
    assert stub.experiments[body["experiment_id"]]["display_name"] == "tiny"
    assert [checked.name for checked in compiled] == ["tiny"]


def test_host_token_and_namespace_come_from_the_environment_too(invoke, stub, compiled, config):
    stub.token, stub.namespaces = "s3cret", {"alice"}
    env = {"KFP_HOST": stub.url, "KFP_TOKEN": "s3cret", "KFP_NAMESPACE": "alice"}
    code, _, _ = invoke("submit", "--config", config, "--experiment", "e", env=env)
    assert code == 0
    assert [item["display_name"] for item in stub.experiments.values()] == ["e"]


@pytest.mark.parametrize(
    ("state", "tasks", "expected"),
    [
        ("SUCCEEDED", {"gate": "SUCCEEDED"}, 0),
        ("FAILED", {"gate": "FAILED"}, 3),
        ("FAILED", {"trainer": "FAILED"}, 1),
        ("CANCELED", {}, 1),
    ],
)
def test_wait_ends_with_the_exit_code_of_run(
    invoke, stub, compiled, config, state, tasks, expected
):
    stub.story = [(state, tasks)]
    code, out, err = invoke("submit", "--config", config, "--host", stub.url, "--wait", "--json")
    assert code == expected
    result = json.loads(out)
    assert (result["state"], result["exit_code"]) == (state, expected)
    assert result["run_id"] in stub.runs
    assert all(name in err for name in tasks)


def test_without_wait_the_run_is_not_looked_at(invoke, stub, compiled, config):
    code, out, _ = invoke("submit", "--config", config, "--host", stub.url, "--json")
    assert code == 0
    assert set(json.loads(out)) == {"run_id", "url"}
    assert stub.bodies("get_run") == []


def test_a_timeout_ends_the_watch_with_the_address(invoke, stub, compiled, config):
    stub.story = [("RUNNING", {})]
    code, _, complaint = invoke(
        "submit", "--config", config, "--host", stub.url, "--wait", "--timeout", "0.1"
    )
    assert code == 1
    assert f"it goes on: {stub.url}/#/runs/details/" in complaint


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["submit"], "no Kubeflow host"),
        (["submit", "--host", "http://127.0.0.1:1"], "not reachable"),
        (["submit", "--param", "stepz=3"], "did you mean 'steps'?"),
        (["submit", "--param", "data=$(X)"], "must not hold"),
        (["submit", "--set", "kubeflow.image=''"], "kubeflow.image must name"),
        (["submit", "--set", "kubeflow.target=vertex"], "Vertex AI"),
        (["submit", "--set", "kubeflow.data=''"], "needs --param data=VALUE"),
        (["submit", "--timeout", "3"], "--timeout is for --wait"),
    ],
)
def test_mistakes_are_told_before_the_pipeline_is_compiled(
    invoke, compiled, config, arguments, complaint
):
    started = time.perf_counter()
    code, out, err = invoke(arguments[0], "--config", config, *arguments[1:])
    assert time.perf_counter() - started < 5
    assert (code, out, compiled) == (2, "", [])
    assert complaint in err


def test_an_old_backend_is_told_before_the_pipeline_is_compiled(invoke, stub, compiled, config):
    stub.tag = "2.3.0"
    code, _, err = invoke("submit", "--config", config, "--host", stub.url)
    assert (code, compiled) == (2, [])
    assert "upgrade the backend" in err


def test_a_backend_without_a_version_is_warned_about_and_used(invoke, stub, compiled, config):
    stub.tag = "unknown"
    code, _, err = invoke("submit", "--config", config, "--host", stub.url)
    assert code == 0
    assert "does not tell its version (unknown); 2.5.0 or newer is needed" in err
