"""The client reaches a backend that fits, submits what it was given, and fails in one sentence."""

import re
import socket
import subprocess
import sys
import time

import pytest

from bitpipe.errors import ConfigError
from pipeline.kubeflow.api import client as clients
from pipeline.kubeflow.api import failures
from pipeline.kubeflow.api.client import Client, version_of
from pipeline.kubeflow.api.connection import Connection
from pipeline.kubeflow.api.failures import BackendError, KubeflowError, UnreachableError
from tests.pipeline.kubeflow.packages import connect, make_package

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


def sentence(error):
    """The message, which must be one line without the traces of a library."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".") or text.endswith("`.")
    assert not re.search(r"HTTPConnectionPool|object at 0x|HTTP response|Traceback", text)
    return text


def test_a_run_holds_the_pipeline_its_parameters_and_its_account(stub):
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {}}}}
    package = make_package(platform)
    run = connect(stub).submit(
        package,
        {"data": "/photos", "steps": 3},
        experiment="nightly",
        service_account="bitpipe",
        pipeline_root="gs://bucket/kfp",
    )
    [body] = stub.bodies("create_run")
    assert body["pipeline_spec"] == {
        "pipeline_spec": package.pipeline_spec,
        "platform_spec": platform,
    }
    assert body["runtime_config"] == {
        "parameters": {"data": "/photos", "steps": 3},
        "pipeline_root": "gs://bucket/kfp",
    }
    assert body["service_account"] == "bitpipe"
    assert stub.experiments[body["experiment_id"]]["display_name"] == "nightly"
    assert run.run_id in stub.runs
    assert run.url == f"{stub.url}/#/runs/details/{run.run_id}"


def test_caching_options_stay_as_they_were_compiled(stub):
    task = {"taskInfo": {"name": "trainer"}, "cachingOptions": {}}
    root = {"dag": {"tasks": {"trainer": task}}}
    connect(stub).submit(make_package(root=root), {}, experiment="e")
    [body] = stub.bodies("create_run")
    assert body["pipeline_spec"]["root"] == root


def test_an_experiment_is_made_once(stub):
    client = connect(stub)
    for _ in range(2):
        client.submit(make_package(), {}, experiment="nightly")
    assert len(stub.experiments) == 1
    assert len(stub.runs) == 2


def test_lists_are_read_to_their_last_page(stub):
    client = connect(stub)
    for index in range(5):
        client.experiment_id(f"e{index}")
    stub.page_size = 2
    listed = client.every("experiment", "list_experiments", "experiments")
    assert [item.display_name for item in listed] == [f"e{index}" for index in range(5)]


def test_the_pages_may_be_elsewhere_than_the_api(stub):
    run = connect(stub, ui_host="https://kubeflow.example/pipeline/").submit(
        make_package(), {}, experiment="e"
    )
    assert run.url == f"https://kubeflow.example/pipeline/#/runs/details/{run.run_id}"


@pytest.mark.parametrize("ending", ["/", "/#/experiments", "#/runs/details/1"])
def test_an_address_may_be_copied_from_the_browser(stub, ending):
    assert Client(Connection(host=stub.url + ending)).host == stub.url


def test_a_token_opens_what_needs_one(stub, tmp_path):
    stub.token = "s3cret"
    connect(stub, token="s3cret")
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    client = connect(stub, token_file=str(file))
    stub.token = "renewed"
    file.write_text("renewed")
    client.experiment_id("after the renewal")


@pytest.mark.parametrize(("token", "how"), [("", "a token is needed"), ("x", "not accepted")])
def test_no_or_a_wrong_token_is_told_apart(stub, token, how):
    stub.token = "s3cret"
    with pytest.raises(KubeflowError) as error:
        connect(stub, token=token)
    assert "(401)" in sentence(error)
    assert how in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_token_file_that_is_not_there_is_named(stub, tmp_path):
    with pytest.raises(ConfigError, match="missing cannot be read: No such file"):
        connect(stub, token_file=str(tmp_path / "missing"))


def test_on_an_installation_for_several_users_a_namespace_is_needed(stub):
    stub.namespaces = {"alice"}
    with pytest.raises(KubeflowError) as error:
        connect(stub)
    assert "--namespace" in sentence(error)


def test_a_foreign_namespace_is_refused_before_anything_is_sent(stub):
    stub.namespaces = {"alice"}
    with pytest.raises(KubeflowError) as error:
        connect(stub, namespace="bob")
    assert "'bob' (403)" in sentence(error)
    assert stub.experiments == {}


def test_the_namespace_confines_what_is_made(stub):
    stub.namespaces = {"alice"}
    connect(stub, namespace="alice").submit(make_package(), {}, experiment="e")
    assert [item["namespace"] for item in stub.experiments.values()] == ["alice"]


def test_a_namespace_is_not_sent_where_there_are_none(stub):
    connect(stub, namespace="kubeflow").experiment_id("e")
    assert "namespace" not in next(iter(stub.experiments.values()))


@pytest.mark.parametrize("page_server", [False, True])
@pytest.mark.parametrize("tag", ["2.0.5", "v2.4.1", "2.4.0-rc.1"])
def test_an_old_backend_is_refused_and_gets_no_run(stub, tag, page_server):
    stub.tag, stub.page_server = tag, page_server
    with pytest.raises(KubeflowError) as error:
        connect(stub).submit(make_package(), {}, experiment="e")
    assert f"runs Kubeflow Pipelines {tag}; the pipeline needs 2.5.0" in sentence(error)
    assert (stub.runs, stub.experiments) == ({}, {})


@pytest.mark.parametrize("tag", ["2.5.0", "2.16.1", "3.0", "unknown", "master", "", None])
def test_a_new_or_unknown_backend_gets_the_run(stub, tag):
    stub.tag = tag
    connect(stub).submit(make_package(), {}, experiment="e")
    assert len(stub.runs) == 1


def test_versions_compare_as_numbers():
    assert version_of("2.16.0") > version_of("2.5.0")
    assert version_of("v2.5.0-rc.1") == (2, 5, 0)
    assert version_of("2.5") == (2, 5, 0)
    assert version_of("dev") is None


@pytest.mark.parametrize(
    ("mode", "kind", "complaint"),
    [
        ("html", KubeflowError, "web page, probably a login"),
        ("redirect", KubeflowError, "web page, probably a login"),
        ("loop", KubeflowError, "web page, probably a login"),
        ("v1", KubeflowError, "Pipelines v1.8.22, which has the v1beta1 API only"),
        ("v1-page", KubeflowError, "Pipelines v1.8.22, which has the v1beta1 API only"),
        ("elsewhere", KubeflowError, "no Kubeflow Pipelines API (404)"),
        ("broken", BackendError, "failed (503): upstream connect error"),
    ],
)
def test_what_is_not_kubeflow_2_is_told_within_seconds(stub, mode, kind, complaint):
    stub.mode = mode
    started = time.perf_counter()
    with pytest.raises(kind) as error:
        connect(stub)
    assert time.perf_counter() - started < 3
    assert complaint in sentence(error)
    assert error.value.exit_code == (1 if mode == "broken" else 2)


def test_a_session_that_ends_halfway_is_a_login_page_too(stub):
    client = connect(stub)
    stub.mode = "html"
    with pytest.raises(KubeflowError, match="web page, probably a login"):
        client.submit(make_package(), {}, experiment="e")


def test_a_refused_connection_is_told_within_seconds():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        started = time.perf_counter()
        with pytest.raises(UnreachableError) as error:
            Client(Connection(host=host))
    assert time.perf_counter() - started < 3
    assert f"not reachable at {host} (the connection is refused)" in sentence(error)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("host", ["http://nowhere.invalid", "http://localhost:port"])
def test_a_name_that_is_no_host_is_told(host):
    with pytest.raises(UnreachableError) as error:
        Client(Connection(host=host))
    assert host in sentence(error)


def test_an_unknown_name_is_called_so():
    try:
        socket.getaddrinfo("nowhere.invalid", 80)
    except socket.gaierror:
        pass
    else:
        pytest.skip("this network answers for names that do not exist")
    with pytest.raises(UnreachableError, match="the name is unknown"):
        Client(Connection(host="http://nowhere.invalid"))


def test_a_backend_that_hangs_is_given_up(stub, monkeypatch):
    monkeypatch.setattr(clients, "READ_S", 1)
    monkeypatch.setattr(failures, "READ_S", 1)
    stub.mode = "hang"
    started = time.perf_counter()
    with pytest.raises(UnreachableError) as error:
        connect(stub)
    assert time.perf_counter() - started < 4
    assert "no answer within 1 s" in sentence(error)


def test_https_to_a_plain_port_asks_to_check_the_scheme(stub):
    started = time.perf_counter()
    with pytest.raises(KubeflowError) as error:
        Client(Connection(host=stub.url.replace("http:", "https:")))
    assert time.perf_counter() - started < 3
    assert "check the scheme" in sentence(error)


def test_no_host_tells_how_to_get_one():
    with pytest.raises(ConfigError, match=r"--host or set KFP_HOST.*port-forward"):
        Client(Connection())


def test_a_request_that_the_schema_does_not_know_is_refused_with_its_reason(stub):
    client = connect(stub)
    run = client.models.V2beta1Run(display_name="r", experiment_id=client.experiment_id("e"))
    with pytest.raises(KubeflowError) as error:
        client.call("run", "create_run", run)
    assert "(400)" in sentence(error)
    assert "pipeline_spec must not be empty" in str(error.value)


def test_the_client_imports_neither_tfx_nor_the_whole_of_kfp():
    code = (
        "import sys; import pipeline.kubeflow.api.client as c\n"
        "try: c.Client(c.Connection(host='http://127.0.0.1:9'))\n"
        "except c.KubeflowError: pass\n"
        "print([n for n in ('tfx', 'tensorflow', 'kfp', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
