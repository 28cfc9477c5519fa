"""How the image is built, without an engine: an imitated docker logs what it is asked for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEVELOPMENT = {
    "pytest",
    "hypothesis",
    "jax",
    "jaxlib",
    "mypy",
    "ruff",
    "pre-commit",
    "import-linter",
}

DOCKER = """#!/bin/sh
echo "$@" >>"$LOG"
case $1-$2 in
  version-*) exit "${ENGINE:-0}" ;;
  image-inspect) [ "$3" != --format ] || { echo 2290000000; exit 0; }; exit "${IS_HERE:-0}" ;;
  pull-*) exit "${PULLS:-1}" ;;
esac
"""


@pytest.fixture
def build(tmp_path):
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    log = tmp_path / "log"

    def call(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess, str]:
        kept = ("TARGET", "IMAGE", "BASE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")
        inherited = {name: value for name, value in os.environ.items() if name not in kept}
        path = f"{program.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "tools/build-image.sh", *arguments],
            cwd=ROOT,
            env=inherited | {"PATH": path, "LOG": str(log)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        asked = log.read_text() if log.exists() else ""
        log.unlink(missing_ok=True)
        return done, asked

    return call


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_cpu_is_built_and_its_size_printed(build):
    done, asked = build()
    assert done.returncode == 0, done.stderr
    assert "build --target cpu --tag bitpipe:cpu" in asked
    assert "BASE=python:3.13-slim-trixie" in asked
    assert done.stdout == "bitpipe:cpu  2.29 GB\n"


def test_target_name_base_and_arguments_are_passed_on(build):
    _, asked = build("--no-cache", TARGET="gpu", IMAGE="registry.example/b:1", BASE="other:1")
    assert "build --target gpu --tag registry.example/b:1 --build-arg BASE=other:1" in asked
    assert "--no-cache ." in asked


def test_address_of_an_index_stays_out_of_the_command_line(build):
    _, asked = build(UV_DEFAULT_INDEX="https://user:secret@index.example/simple")
    assert "--build-arg UV_DEFAULT_INDEX" in asked
    assert "secret" not in asked
    assert "PIP_INDEX_URL" not in asked


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"TARGET": "tpu"}, "TARGET must be cpu, gpu or test. Received: tpu."),
        ({"ENGINE": "1"}, "No Docker engine answers."),
        ({"BASE": "none:1", "IS_HERE": "1"}, "The image none:1 is not here and cannot be pulled."),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_line(build, environment, sentence):
    done, asked = build(**environment)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert "build " not in asked


def test_base_that_is_not_here_is_pulled(build):
    done, asked = build(IS_HERE="1", PULLS="0")
    assert "pull --quiet python:3.13-slim-trixie" in asked
    assert done.returncode == 0


@pytest.mark.parametrize("lock", ["image", "image-gpu"])
def test_image_has_the_versions_that_were_tested_and_no_development_tool(lock):
    tested, shipped = pins("current"), pins(lock)
    differing = {name for name in shipped if name in tested and shipped[name] != tested[name]}
    assert not differing
    assert not shipped.keys() & DEVELOPMENT
    assert {"tfx", "kfp", "dill", "setuptools"} <= shipped.keys()


def test_gpu_adds_nothing_but_nvidias_libraries():
    added = pins("image-gpu").keys() - pins("image").keys()
    assert "nvidia-cudnn-cu12" in added
    assert all(name.startswith("nvidia-") for name in added)
    assert pins("image").keys() <= pins("current").keys()


def test_every_file_that_the_image_copies_is_in_its_context():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for path in " ".join(copied).split():
        assert path.split("/")[0] in allowed, path
        assert (ROOT / path).exists(), path


def test_nothing_in_the_dockerfile_needs_buildkit():
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"RUN --mount|COPY .*--(chmod|link|parents)|<<", text)


@pytest.mark.skipif(shutil.which("strip") is None, reason="binutils' strip is not installed")
def test_slimming_keeps_modules_that_only_look_like_tests(tmp_path):
    site = tmp_path / "lib/python3.13/site-packages"
    packages = ("apache_beam", "tfx", "tfx_bsl", "tensorflow_model_analysis")
    packages += ("tensorflow_data_validation", "tensorflow_transform")
    for package in packages:
        (site / package).mkdir(parents=True)
    kept = ["scipy/stats/_bws_test.py", "numpy/testing/utils.py", "tfx/component.py"]
    gone = ["pandas/tests/test_frame.py", "tfx/component_test.py", "tensorflow/include/a.h"]
    for name in kept + gone:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    subprocess.run(["sh", ROOT / "tools/slim.sh", tmp_path], check=True)
    assert [name for name in kept + gone if (site / name).exists()] == kept
