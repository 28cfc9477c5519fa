"""compose.yaml: production's image and settings on one machine, and a health check that works.

And compose.flink.yaml: a Flink cluster whose parts fit each other.
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from bitpipe.model import release
from tests.kubernetes.manifests import IMAGE_USER, ROOT

FILE = ROOT / "compose.yaml"
FLINK = ROOT / "compose.flink.yaml"
BASE = ROOT / "kubernetes" / "serving" / "base"
# Set by the cluster's life, not by the server's work.
CLUSTER_ONLY = {
    "enable_grpc_healthcheck_service",
    "grpc_channel_arguments",
}


def service(**variables: str) -> dict:
    """The one service, with Compose's ${NAME:-default} replaced."""
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}", lambda m: variables.get(m[1], m[2]), FILE.read_text()
    ).replace("$$", "$")
    [found] = yaml.safe_load(text)["services"].values()
    return found


def flags(arguments: list[str]) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


def deployed() -> dict:
    deployment = yaml.safe_load((BASE / "deployment.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return container


def test_image_and_settings_are_productions():
    ours, theirs = flags(service()["command"]), flags(deployed()["args"])
    assert service()["image"] == deployed()["image"]
    assert service()["entrypoint"] == deployed()["command"]
    assert set(ours) == set(theirs) - CLUSTER_ONLY
    for name in set(ours) & set(theirs):
        assert "$(" in theirs[name] or ours[name] == theirs[name], name


def test_defaults_are_what_a_run_leaves():
    models, *_ = service()["volumes"]
    assert models["source"] == "./flowers-run/serving"
    told = flags(service()["command"])["model_config_file"]
    assert told == f"{models['target']}/photos/{release.MODEL_CONFIG}"
    assert f'base_path: "{models["target"]}/photos"' in release.model_config(
        "flowers-run/serving/photos", release.Release()
    )


def test_another_model_is_served_by_two_variables():
    chosen = service(MODELS="demo/run/serving", MODEL_NAME="digits")
    assert chosen["volumes"][0]["source"] == "demo/run/serving"
    assert flags(chosen["command"])["model_config_file"].startswith("/models/digits/")
    assert "/v1/models/digits/metadata" in chosen["healthcheck"]["test"][-1]


def test_nothing_can_be_written_or_reached_from_outside():
    ours = service()
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert ours["pids_limit"] > 2 * 64 * 2
    assert all("size=" in place for place in ours["tmpfs"])
    assert ours["user"] == f"{IMAGE_USER}:{IMAGE_USER}"
    assert all(volume["read_only"] for volume in ours["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in ours["ports"])
    for volume in ours["volumes"][1:]:
        assert (ROOT / volume["source"]).is_file()
        assert volume["target"] in flags(ours["command"]).values()


@pytest.fixture(params=[200, 404])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """An HTTP server's port, and the status of all its answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = request.param if self.path == "/v1/models/photos/metadata" else 500
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, request.param
    server.shutdown()
    server.server_close()


def healthy(port: int) -> bool:
    word, *command = service()["healthcheck"]["test"]
    assert word == "CMD"
    command[-1] = command[-1].replace("/8501", f"/{port}")
    return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="the health check is written for bash")
def test_health_is_a_loaded_model(answering):
    port, status = answering
    assert healthy(port) == (status == 200)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the health check is written for bash")
def test_closed_port_is_not_healthy():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert not healthy(port)


def flink() -> dict:
    """Services of the Flink cluster, each variable at its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FLINK.read_text())
    found: dict = yaml.safe_load(text)["services"]
    return found


def test_beam_is_the_same_in_the_job_server_and_in_the_image_and_flink_everywhere():
    services = flink()
    locked = (ROOT / "requirements" / "image.txt").read_text()
    [beam] = re.findall(r"^apache-beam==(\S+)", locked, re.M)
    server = re.fullmatch(r"apache/beam_flink([\d.]+)_job_server:(.+)", services["jobs"]["image"])
    assert server
    assert server[2] == beam
    for name in ("jobmanager", "taskmanager-1", "taskmanager-2"):
        assert services[name]["image"].startswith(f"flink:{server[1]}-")


def test_each_task_manager_finds_workers_beside_it_which_see_the_same_files():
    services = flink()
    pools = [services["workers-1"], services["workers-2"]]
    assert [one["network_mode"] for one in pools] == [
        "service:taskmanager-1",
        "service:taskmanager-2",
    ]
    mounted = services["bitpipe"]["volumes"]
    assert all(one["volumes"] == mounted for one in pools)
    assert all(one["user"] == services["bitpipe"]["user"] for one in pools)
    # As the commands say, in the file and in the documentation.
    [port] = {re.findall(r"--service_port=(\d+)", " ".join(one["command"]))[0] for one in pools}
    for text in (FLINK.read_text(), (ROOT / "docs" / "scale.md").read_text()):
        assert set(re.findall(r"beam\.worker_pool=localhost:(\d+)", text)) == {port}
    staged = services["jobs"]["volumes"]
    assert all(services[name]["volumes"] == staged for name in ("taskmanager-1", "taskmanager-2"))


@pytest.mark.parametrize("file", [FILE, FLINK], ids=lambda file: file.name)
def test_compose_itself_accepts_the_file(file):
    command = ["docker", "compose"]
    if (
        not shutil.which("docker")
        or subprocess.run([*command, "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("Docker Compose 2 is not installed")
    done = subprocess.run(
        [*command, "--file", file, "config", "--quiet"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "MODELS": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
