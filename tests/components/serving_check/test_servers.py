"""Servers come up in processes of their own, say why if not, and leave nothing behind."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bitpipe.model import description
from bitpipe.model.reference import Answer, Reference

pytestmark = pytest.mark.tfx

KNOWN = Reference(("red", "green", "blue"), (Answer("a.png", "0" * 64, (0.1, 0.2, 0.7)),))


def check(model, **given):
    from components.serving_check import executor
    from components.serving_check.settings import ServingCheckSettings

    shown = [executor.asking.Shown(b"", answer) for answer in KNOWN.answers]
    return executor.check(str(model), KNOWN, shown, ServingCheckSettings(**given))


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Puts a command `docker` in the way that is a shell script of these lines."""

    def put(script):
        file = tmp_path / "bin" / "docker"
        file.parent.mkdir()
        file.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
        file.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")
        return tmp_path / "asked"

    return put


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a SavedModel from afar."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\xff" * 1000)
    return folder


def test_a_model_that_cannot_be_loaded_is_refused_with_the_servers_log(model):
    said = check(model)
    assert not said.blessed
    [objection] = said.objections
    assert objection.startswith("the embedded server could not load it: it ended with exit code 1")
    assert any("No version in" in line and "can be loaded" in line for line in said.log)
    assert said.load_s is None
    children = psutil.Process().children(recursive=True)
    assert not [one for one in children if "serving_check" in " ".join(one.cmdline())]


def test_a_server_whose_run_is_gone_ends_by_itself(model, tmp_path):
    """Whatever ended the run: its end of the pipe is closed. While TensorFlow is imported, too."""
    (tmp_path / "models" / "candidate").mkdir(parents=True)
    (tmp_path / "models" / "candidate" / "1").symlink_to(model)
    command = [sys.executable, "-m", "components.serving_check.embedded"]
    with subprocess.Popen(
        [*command, str(tmp_path / "models"), "candidate"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as process:
        process.stdin.close()
        assert process.wait(20) == 0


def test_other_names_of_classes_beside_the_model_are_refused_without_a_server(model):
    said_of_itself = description.Description(
        variant="R14x0.5", size=32, labels=("red", "blue", "green"), variables=()
    )
    place = model / description.PLACE
    place.parent.mkdir()
    place.write_text(said_of_itself.to_json())
    said = check(model)
    assert not said.blessed
    assert (
        "names the classes 'red', 'blue', 'green', where the Trainer knows 'red', 'green'"
        in (said.objections[0])
    )


def test_without_docker_the_setting_is_named_not_the_model(model, monkeypatch):
    from components.serving_check.servers import NoDockerError

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoDockerError, match=r"serving_check\.server=embedded"):
        check(model, server="docker")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such image >&2; exit 1", "docker pull .* failed: no such image"),
        (
            '[ "$1" = run ] && { echo port is taken >&2; exit 125; }; [ "$1" = image ]',
            "docker run` failed: port is taken",
        ),
    ],
)
def test_what_docker_cannot_do_is_not_the_models_fault(docker, model, script, words):
    from components.serving_check.servers import NoDockerError

    docker(script)
    with pytest.raises(NoDockerError, match=words):
        check(model, server="docker")


def test_tensorflow_serving_that_ends_while_it_loads_refuses_the_model(docker, model):
    asked = docker('[ "$1" = run ] && { echo "cannot load" >&2; exit 1; }; [ "$1" = image ]')
    said = check(model, server="docker", image="serving:1")
    assert said.objections == (
        "TensorFlow Serving (serving:1) could not load it: it ended with exit code 1 while it "
        "loaded it; the last that it said: cannot load",
    )
    assert said.log == ("cannot load",)
    [run] = [line for line in asked.read_text().splitlines() if line.startswith("run ")]
    assert "--publish 127.0.0.1::8500 --publish 127.0.0.1::8501" in run
    assert ":/models/candidate:ro" in run
