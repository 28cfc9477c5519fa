"""`bitpipe schedule`: what it prints, sends and ends with."""

import json
import time

import pytest

from pipeline.kubeflow import parameters
from pipeline.kubeflow.package import Parameter

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["schedule"], "Missing option '--cron'"),
        (["schedule", "--cron", "0 25 * * *"], "the hour"),
        (["schedule", "--cron", "0 2 * * *"], "no Kubeflow host"),
        (["schedule", "--cron", "0 2 * * *", "--span-window", "2"], "data that comes in spans"),
        (["schedule", "--cron", "0 2 * * *", "--span-window", "0"], "range"),
        (["schedule", "--cron", "0 2 * * *", "--max-concurrency", "11"], "range"),
        (["schedule", "--cron", "0 2 * * *", "--start", "soon"], "'soon' is no time"),
        (
            ["schedule", "--cron", "0 2 * * *", "--start", "2031-01-01", "--end", "2030-01-01"],
            "--end must be after --start",
        ),
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


def test_schedule_creates_then_replaces(invoke, stub, compiled, config):
    arguments = ("schedule", "--config", config, "--host", stub.url, "--cron", "0 2 * * *")
    assert invoke(*arguments)[:2] == (0, "created schedule flowers: 0 0 2 * * * (seconds first)\n")
    assert invoke(*arguments)[1].startswith("replaced schedule flowers")
    [run] = stub.recurring.values()
    assert run["display_name"] == "flowers"
    assert (run["max_concurrency"], run["no_catchup"]) == ("1", True)


def test_schedule_takes_a_name_times_and_limits(invoke, stub, compiled, config):
    code, out, _ = invoke(
        *("schedule", "--config", config, "--host", stub.url, "--cron", "0 2 * * *", "--json"),
        *("--name", "n", "--catch-up", "--max-concurrency", "2", "--param", "steps=3"),
        *("--start", "2030-01-01T02:00:00Z", "--end", "2031-01-01"),
    )
    assert code == 0
    result = json.loads(out)
    [run] = stub.recurring.values()
    assert (result["id"], result["name"]) == (run["recurring_run_id"], "n")
    assert (run["max_concurrency"], run["no_catchup"]) == ("2", False)
    assert run["trigger"]["cron_schedule"]["start_time"] == "2030-01-01T02:00:00+00:00"
    assert run["trigger"]["cron_schedule"]["end_time"] == "2031-01-01T00:00:00+00:00"
    assert run["runtime_config"]["parameters"] == {"steps": 3}


def test_a_span_window_becomes_the_parameter_of_pipelines_that_have_it(
    invoke, stub, compiled, config, monkeypatch
):
    window = Parameter("span_window", "NUMBER_INTEGER", 1, "Spans to train on.")
    monkeypatch.setattr(parameters, "declared", lambda _: (window,))
    code, _, _ = invoke(
        *("schedule", "--config", config, "--host", stub.url, "--cron", "0 2 * * *"),
        *("--span-window", "3"),
    )
    [run] = stub.recurring.values()
    assert (code, run["runtime_config"]["parameters"]) == (0, {"span_window": 3})


def test_schedules_are_listed_paused_resumed_and_deleted(invoke, stub, compiled, config):
    host = ("--host", stub.url)
    invoke("schedule", "--config", config, *host, "--cron", "0 2 * * *")
    assert invoke("schedule", "list", *host)[1].split() == ["flowers", "on", *"002***"]
    assert invoke("schedule", "pause", "flowers", *host)[1].startswith("paused flowers")
    assert invoke("schedule", "list", *host)[1].split()[1] == "paused"
    [listed] = json.loads(invoke("schedule", "list", *host, "--json")[1])
    assert listed["paused"]
    code, _, err = invoke("schedule", "--config", config, *host, "--cron", "0 3 * * *")
    assert code == 0
    assert "stays paused" in err
    assert invoke("schedule", "resume", "flowers", *host)[1].startswith("resumed flowers")
    assert invoke("schedule", "list", *host)[1].split()[1] == "on"
    assert invoke("schedule", "delete", "flowers", *host)[1].startswith("deleted flowers")
    assert invoke("schedule", "list", *host)[:2] == (0, "")
    code, _, err = invoke("schedule", "pause", "flowers", *host)
    assert (code, "no schedule 'flowers'" in err) == (2, True)


def test_the_connection_may_be_told_before_or_after_the_subcommand(invoke, stub, compiled):
    wrong = {"KFP_HOST": "http://127.0.0.1:1"}
    assert invoke("schedule", "--host", stub.url, "list", env=wrong)[0] == 0
    assert invoke("schedule", "list", "--host", stub.url, env=wrong)[0] == 0
    assert invoke("schedule", "list", env=wrong)[0] == 2


def test_cron_does_not_go_with_a_subcommand(invoke, stub, compiled):
    code, _, err = invoke("schedule", "--cron", "0 2 * * *", "list", "--host", stub.url)
    assert code == 2
    assert "--cron does not go with 'list'" in err


def test_help_tells_the_time_zone(invoke):
    assert "UTC" in invoke("schedule", "--help")[1]


@pytest.mark.parametrize(
    "change", [("delete", "flowers"), ("--cron", "0 3 * * *")], ids=["delete", "replace"]
)
def test_a_run_in_flight_that_would_be_ended_is_told_and_can_be_forced(
    invoke, stub, compiled, config, change
):
    where = ("--host", stub.url)
    invoke("schedule", "--config", config, *where, "--cron", "0 2 * * *")
    [first] = stub.recurring
    run = stub.start(first)
    arguments = ("schedule", *change, *where)
    if change[0] == "--cron":
        arguments = ("schedule", "--config", config, *change, *where)
    code, _, err = invoke(*arguments)
    assert (code, list(stub.recurring)) == (2, [first])
    assert run in err
    assert invoke(*arguments, "--force")[0] == 0
    assert first not in stub.recurring
