"""`bitpipe submit` and `bitpipe schedule`: what they print, send and end with."""

import json
import logging
import subprocess
import sys
import time
import types

import click
import pytest
from click.testing import CliRunner

from bitpipe.errors import BitpipeError
from pipeline.commands import kubeflow
from pipeline.kubeflow import parameters
from pipeline.kubeflow.package import Parameter
from tests.pipeline.kubeflow.packages import make_package
from tests.pipeline.kubeflow.stub import Stub

CONFIG = """
name: flowers
kubeflow: {image: registry.example/bitpipe:1, root: /store/artifacts, serving: /store/serving,
  data: /photos, service_account: bitpipe}
"""

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


@pytest.fixture
def stub():
    with Stub() as running:
        yield running


@pytest.fixture
def compiled(monkeypatch):
    """Stands for the compiler, which needs TFX; holds the configurations that it was given."""
    seen = []

    def compile_pipeline(config):
        seen.append(config)
        return make_package()

    fake = types.SimpleNamespace(compile_pipeline=compile_pipeline)
    monkeypatch.setitem(sys.modules, "pipeline.kubeflow.compile.compiler", fake)
    for variable in ("KFP_HOST", "KFP_TOKEN", "KFP_NAMESPACE", "KF_PIPELINES_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    # The commands silence TensorFlow for the whole process, which here is the other tests' too.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    absl = logging.getLogger("absl")
    level = absl.level
    yield seen
    absl.setLevel(level)


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "flowers.yaml"
    file.write_text(CONFIG)
    return str(file)


def invoke(*arguments, env=None):
    """Exit code, stdout, stderr or the error's sentence."""

    @click.group()
    def cli():
        pass

    cli.add_command(kubeflow.submit)
    cli.add_command(kubeflow.schedule)
    done = CliRunner().invoke(cli, arguments, env=env)
    if isinstance(done.exception, BitpipeError):
        return done.exception.exit_code, done.stdout, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_submit_prints_the_address_of_the_run(stub, compiled, config):
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


def test_host_token_and_namespace_come_from_the_environment_too(stub, compiled, config):
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
def test_wait_ends_with_the_exit_code_of_run(stub, compiled, config, state, tasks, expected):
    stub.story = [(state, tasks)]
    code, out, err = invoke("submit", "--config", config, "--host", stub.url, "--wait", "--json")
    assert code == expected
    result = json.loads(out)
    assert (result["state"], result["exit_code"]) == (state, expected)
    assert result["run_id"] in stub.runs
    assert all(name in err for name in tasks)


def test_without_wait_the_run_is_not_looked_at(stub, compiled, config):
    code, out, _ = invoke("submit", "--config", config, "--host", stub.url, "--json")
    assert code == 0
    assert set(json.loads(out)) == {"run_id", "url"}
    assert stub.bodies("get_run") == []


def test_a_timeout_ends_the_watch_with_the_address(stub, compiled, config):
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
def test_mistakes_are_told_before_the_pipeline_is_compiled(compiled, config, arguments, complaint):
    started = time.perf_counter()
    code, out, err = invoke(arguments[0], "--config", config, *arguments[1:])
    assert time.perf_counter() - started < 5
    assert (code, out, compiled) == (2, "", [])
    assert complaint in err


def test_an_old_backend_is_told_before_the_pipeline_is_compiled(stub, compiled, config):
    stub.tag = "2.3.0"
    code, _, err = invoke("submit", "--config", config, "--host", stub.url)
    assert (code, compiled) == (2, [])
    assert "upgrade the backend" in err


def test_a_backend_without_a_version_is_warned_about_and_used(stub, compiled, config):
    stub.tag = "unknown"
    code, _, err = invoke("submit", "--config", config, "--host", stub.url)
    assert code == 0
    assert "does not tell its version (unknown); 2.5.0 or newer is needed" in err


def test_schedule_creates_then_replaces(stub, compiled, config):
    arguments = ("schedule", "--config", config, "--host", stub.url, "--cron", "0 2 * * *")
    assert invoke(*arguments)[:2] == (0, "created schedule flowers: 0 0 2 * * * (seconds first)\n")
    assert invoke(*arguments)[1].startswith("replaced schedule flowers")
    [run] = stub.recurring.values()
    assert run["display_name"] == "flowers"
    assert (run["max_concurrency"], run["no_catchup"]) == ("1", True)


def test_schedule_takes_a_name_times_and_limits(stub, compiled, config):
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
    stub, compiled, config, monkeypatch
):
    window = Parameter("span_window", "NUMBER_INTEGER", 1, "Spans to train on.")
    monkeypatch.setattr(parameters, "declared", lambda _: (window,))
    code, _, _ = invoke(
        *("schedule", "--config", config, "--host", stub.url, "--cron", "0 2 * * *"),
        *("--span-window", "3"),
    )
    [run] = stub.recurring.values()
    assert (code, run["runtime_config"]["parameters"]) == (0, {"span_window": 3})


def test_schedules_are_listed_paused_resumed_and_deleted(stub, compiled, config):
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


def test_the_connection_may_be_told_before_or_after_the_subcommand(stub, compiled):
    wrong = {"KFP_HOST": "http://127.0.0.1:1"}
    assert invoke("schedule", "--host", stub.url, "list", env=wrong)[0] == 0
    assert invoke("schedule", "list", "--host", stub.url, env=wrong)[0] == 0
    assert invoke("schedule", "list", env=wrong)[0] == 2


def test_cron_does_not_go_with_a_subcommand(stub, compiled):
    code, _, err = invoke("schedule", "--cron", "0 2 * * *", "list", "--host", stub.url)
    assert code == 2
    assert "--cron does not go with 'list'" in err


def test_help_tells_the_time_zone_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom pipeline.commands import kubeflow\n"
        "out = [CliRunner().invoke(command, ['--help']).stdout for command in"
        " (kubeflow.submit, kubeflow.schedule)]\n"
        "heavy = ('tfx', 'kfp_server_api', 'kfp', 'urllib3', 'msgspec', 'numpy', 'yaml')\n"
        "print([name for name in heavy if name in sys.modules], 'UTC' in out[1], out[0][:5])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True Usage"
