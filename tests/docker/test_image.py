"""What the built image promises: no root, no development tools, small, quick to start."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, needs_image

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "kubernetes/pipeline/components/retraining/photos.yaml"
CPU_BYTES = 2.5e9
USER = 65532

pytestmark = [pytest.mark.docker, needs_image]


def run(*command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["docker", "run", "--rm", "--network=none", *options, IMAGE, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def output(*command: str, options: tuple[str, ...] = ()) -> str:
    done = run(*command, options=options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def description() -> dict:
    answer = subprocess.check_output(["docker", "image", "inspect", IMAGE])
    return json.loads(answer)[0]


def version() -> str:
    found = re.search(r'^VERSION = ("[^"]+")', (ROOT / "setup.py").read_text(), re.MULTILINE)
    return ast.literal_eval(found[1])


def names(lock: str) -> set[str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))


def test_size_is_within_the_goal(description):
    if "-gpu" in IMAGE or ":gpu" in IMAGE:
        pytest.skip("the goal is for the CPU")
    assert description["Size"] <= CPU_BYTES, f"{description['Size'] / 1e9:.2f} GB"


def test_runs_as_a_user_that_kubernetes_sees_not_to_be_root(description):
    # A name would do for Docker, but runAsNonRoot refuses what it cannot check.
    assert description["Config"]["User"] == f"{USER}:{USER}"
    assert output("id", "-u") == str(USER)


def test_labels_name_the_version(description):
    assert description["Config"]["Labels"]["org.opencontainers.image.version"] == version()


def test_no_setting_of_the_build_is_left_behind(description):
    said = json.dumps(description["Config"])
    assert "INDEX_URL" not in said
    assert "UV_" not in said


def test_command_line_answers():
    assert output("bitpipe", "--version") == f"bitpipe, version {version()}"
    assert "digits" in output("bitpipe", "config", "list")


def test_without_a_command_it_helps():
    assert output().startswith("Usage: bitpipe")


def test_tasks_of_the_pipeline_start_as_kubeflow_starts_them():
    # Kubeflow gives the command, drops all capabilities and may mount the root read-only.
    hardened = ("--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only")
    usage = output(
        "python",
        "-m",
        "pipeline.kubeflow.task.entrypoint",
        "--help",
        options=(*hardened, "--tmpfs=/tmp"),
    )
    assert "--node" in usage


@pytest.mark.parametrize("user", [f"{USER}:{USER}", "12345:12345"])
def test_node_runner_imports_as_any_user_on_a_read_only_root(user):
    # Beam and TFX ask for the user's name, Keras for a home.
    code = "import getpass, keras, pipeline.node; print(getpass.getuser())"
    options = (f"--user={user}", "--read-only", "--tmpfs=/tmp")
    assert output("python", "-c", code, options=options).splitlines()[-1] == "bitpipe"


def test_home_and_working_folder_are_open_to_any_user():
    command = 'touch "$HOME/a" /work/b /tmp/c && cd ~ && pwd'
    assert output("sh", "-c", command, options=("--user=12345:12345",)) == "/home/bitpipe"


def test_the_user_cannot_change_the_packages():
    done = run("sh", "-c", 'touch "$(python -c "import click; print(click.__file__)")"')
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_bytecode_is_there_before_the_first_start():
    code = (
        "import importlib.util as u, os, tfx, tensorflow, bitpipe.errors, apache_beam\n"
        "for m in (tfx, tensorflow, bitpipe.errors, apache_beam):\n"
        "    assert os.path.exists(u.cache_from_source(m.__file__)), m.__file__\n"
    )
    output("python", "-c", code)


def test_no_development_tool_is_in_it():
    code = (
        "import importlib.metadata as m, re\n"
        "for d in m.distributions(): print(re.sub('[-_.]+', '-', d.name).lower())"
    )
    installed = set(output("python", "-c", code).split())
    assert {"tfx", "tensorflow", "kfp", "bitpipe"} <= installed
    assert not installed & (names("current") - names("image"))
    assert not installed & {"pytest", "jax", "jaxlib", "ruff", "mypy", "uv", "hypothesis"}


def test_pipelines_compile_in_it_as_the_nightly_job_needs():
    options = ("--read-only", "--tmpfs=/tmp", f"--volume={CONFIG.parent}:/etc/bitpipe:ro")
    command = ("bitpipe", "compile", "--config", "/etc/bitpipe/photos.yaml", "--out", "/tmp/p.yaml")
    assert "/tmp/p.yaml" in output(*command, options=options)
