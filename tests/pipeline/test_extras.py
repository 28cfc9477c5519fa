"""Which extra a user is told to install."""

import ast
import sys
from pathlib import Path

import pytest

from bitpipe.errors import MissingExtraError, TrainingError
from pipeline import extras
from pipeline.launch import UnexpectedError

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("bitpipe", "components", "pipeline", "serving")
# The import names of the base requirements (tests/test_wheel.py installs them) and of what they
# bring.
BASE = {"PIL", "click", "google", "grpc", "msgspec", "requests", "rich", "urllib3", "yaml"}


def missing(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("run", "tfx.orchestration", ["train"]),
        ("classify", "tensorflow", ["train"]),
        ("serve", "tensorflow", ["serve"]),
        ("batch", "tensorflow", ["batch"]),
        ("demo", "tensorflow_serving", ["train", "serve"]),
        ("submit", "kfp_server_api", ["kubeflow"]),
        ("predict", "apache_beam", ["batch"]),  # a picture in gs://
        (None, "apache_beam", ["batch"]),
    ],
)
def test_missing_module_is_told_as_the_extra_of_the_command(command, module, extra):
    told = extras.explained(missing(module), command)
    assert isinstance(told, MissingExtraError)
    assert list(told.extras) == extra
    assert f"uv pip install 'bitpipe[{','.join(extra)}]'" in str(told)


def test_module_that_a_stage_misses_is_told_too():
    wrapped = UnexpectedError("ModuleNotFoundError: No module named 'tfx'.")
    wrapped.__cause__ = missing("tfx")
    assert isinstance(extras.explained(wrapped, "run"), MissingExtraError)


@pytest.mark.parametrize(
    "error",
    [missing("pipelin"), missing("somebody.else"), ModuleNotFoundError("said so"), TrainingError()],
)
def test_other_errors_stay_as_they_are(error):
    assert extras.explained(error, "run") is error


def test_every_module_that_is_imported_has_an_extra():
    known = BASE.union(*extras.MODULES.values()) | set(SHIPPED) | sys.stdlib_module_names
    unknown = set()
    for path in (path for name in SHIPPED for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            unknown |= {f"{path.name}: {n}" for n in names if n.partition(".")[0] not in known}
    assert unknown == set()
