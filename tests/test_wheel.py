"""The wheel: what it holds, and that its base requirements are a client which works."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests import serving_models

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bitpipe", "components", "pipeline", "serving")
# Eight base requirements, what they bring, and room for one: raise it only for what a client cannot
# do without.
MOST_INSTALLED = 18
HEAVY = {"apache-beam", "keras", "kfp", "numpy", "tensorflow", "tensorflow-serving-api", "tfx"}
UNREACHABLE = ("error sending request", "dns error", "Failed to fetch", "network was disabled")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a checkout ships, with files in it that must not be shipped."""
    source = tmp_path_factory.mktemp("checkout")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for decoy in ("tests/__init__.py", "kubernetes/pod.yaml", "kubernetes/x.py", "tools/x.py"):
        (source / decoy).parent.mkdir(exist_ok=True)
        (source / decoy).touch()
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, check=True, capture_output=True
    )
    [built] = folder.glob("bitpipe-*.whl")
    return built


@pytest.fixture(scope="module")
def client_only(wheel, tmp_path_factory):
    """The `bin` folder of an environment with the wheel's base requirements and nothing else."""
    folder = tmp_path_factory.mktemp("client_only")
    uv = subprocess.run(
        ["sh", str(ROOT / "tools/uv.sh")], check=True, capture_output=True, text=True
    ).stdout.strip()
    lane = "stable" if sys.version_info < (3, 11) else "current"
    subprocess.run(
        [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)], check=True
    )
    # Pinned, so that a release of tomorrow cannot fail a test of today; the lock's wheels are in
    # uv's cache where `make setup` has run, and then no index is asked.
    install = [uv, "pip", "install", "--python", str(folder / "bin/python")]
    arguments = ["--constraint", str(ROOT / f"requirements/{lane}.txt"), str(wheel)]
    for how in (["--offline"], []):
        done = subprocess.run([*install, *how, *arguments], capture_output=True, text=True)
        if done.returncode == 0:
            return folder / "bin"
    if any(words in done.stderr for words in UNREACHABLE):
        pytest.skip(f"no package index answers: {done.stderr.strip().splitlines()[-1]}")
    raise AssertionError(done.stderr)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    saved = serving_models.save_mean_colour(tmp_path_factory.mktemp("saved"))
    serving_models.push(saved, folder / "colours", 3)
    return folder


@pytest.fixture(scope="module")
def server(models):
    from serving.server import ModelServer  # the other tests need no TensorFlow

    with ModelServer(models, "colours", port=0, rest_port=0) as running:
        yield running


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (8, 6), "lime").save(tmp_path / "lime.png")
    return tmp_path / "lime.png"


def run(program, *arguments, folder):
    """Outside of the checkout, and without its packages on any path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_wheel_holds_the_packages_their_data_and_their_types_only(source, wheel):
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry_points = archive.read(
            next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        ).decode()
    code = {
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for ending in ("py", "pyi")
        for path in (source / name).rglob(f"*.{ending}")
    }
    data = {
        path.relative_to(source).as_posix()
        for pattern in ("pipeline/configs/*.yaml", "pipeline/report/web/*", "serving/server/web/*")
        for path in source.glob(pattern)
    }
    typed = {f"{name}/py.typed" for name in PACKAGES}
    assert data
    of_bit = {f"components/bit/{name}" for name in ("imagenet_classes.txt", "bit_mini.npz")}
    assert shipped == code | data | typed | of_bit
    assert "bitpipe = pipeline.cli:main" in entry_points


def test_base_requirements_are_few_and_no_framework(client_only, tmp_path):
    code = (
        "import importlib.metadata as m, json\n"
        "print(json.dumps(sorted(d.name.lower() for d in m.distributions())))"
    )
    installed = set(json.loads(run(client_only / "python", "-c", code, folder=tmp_path).stdout))
    print(f"{len(installed)} packages: {', '.join(sorted(installed))}")
    assert installed & HEAVY == set()
    assert len(installed) <= MOST_INSTALLED


def test_command_of_the_base_requirements_asks_a_server(client_only, server, picture, tmp_path):
    for address in (server.address, f"http://{server.rest_address}"):
        done = run(
            client_only / "bitpipe",
            *("predict", picture, "--server", address, "--name", "colours"),
            folder=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["label"] == "green"


def test_python_client_of_the_base_requirements_asks_a_server(
    client_only, server, picture, tmp_path
):
    code = (
        "import sys\n"
        "from serving.client import PredictionClient\n"
        "with PredictionClient(sys.argv[1], 'colours') as client:\n"
        "    for answer in client.predict_each([sys.argv[2]]):\n"
        "        print(answer.prediction.label)\n"
    )
    done = run(client_only / "python", "-c", code, server.address, picture, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "green\n", "")


def test_python_functions_ask_a_server_and_name_the_extra_that_others_need(
    client_only, server, picture, tmp_path
):
    code = (
        "import sys, bitpipe\n"
        "from bitpipe.errors import MissingExtraError\n"
        "[answer] = bitpipe.predict(sys.argv[2], sys.argv[1], 'colours')\n"
        "print(answer.prediction.label)\n"
        "for call in (bitpipe.load, lambda name: bitpipe.classify(sys.argv[2], name)):\n"
        "    try:\n"
        "        call('bit-mini-in1k')\n"
        "    except MissingExtraError as error:\n"
        "        print(error)\n"
    )
    done = run(client_only / "python", "-c", code, server.address, picture, folder=tmp_path)
    label, *missing = done.stdout.splitlines()
    assert (done.returncode, label, done.stderr) == (0, "green", "")
    for name, sentence in zip(("load", "classify"), missing, strict=True):
        assert sentence.startswith(f"`bitpipe.{name}` needs the extra 'train'. Install it: uv ")


@pytest.mark.parametrize("arguments", [["--help"], ["config", "list"], ["config", "show"]])
def test_base_requirements_show_help_and_configurations(client_only, tmp_path, arguments):
    done = run(client_only / "bitpipe", *arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def commands_beyond_the_client(folder, models):
    """Command -> arguments that are right, and its extras."""
    cluster = ROOT / "tests/pipeline/kubeflow/cluster.yaml"
    served = ["--models", models, "--name", "colours"]
    return {
        "run": (["--data", folder / "data", "--out", folder / "out"], "train"),
        "demo": (["--out", folder / "demo"], "train,serve"),
        "classify": ([folder / "data/a/0.png", "--backbone", models / "colours/3"], "train"),
        "serve": (served, "serve"),
        "batch": (["--data", folder / "data", *served, "--out", folder / "answers"], "batch"),
        "compile": (["--config", cluster, "--out", folder / "p.yaml"], "kubeflow"),
        "submit": (["--config", cluster, "--host", "http://127.0.0.1:1"], "kubeflow"),
    }


@pytest.mark.parametrize(
    "command", ["run", "demo", "classify", "serve", "batch", "compile", "submit"]
)
def test_missing_extra_is_one_sentence_with_the_command(client_only, models, tmp_path, command):
    for label in "ab":
        folder = tmp_path / "data" / label
        folder.mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 6), (number, 0, 0)).save(folder / f"{number}.png")
    arguments, extras = commands_beyond_the_client(tmp_path, models)[command]
    done = run(client_only / "bitpipe", command, *arguments, folder=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"Error: `bitpipe {command}` needs the extra")
    assert last.endswith(f" uv pip install 'bitpipe[{extras}]'.")
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
