"""Which extra a user is told to install."""

import ast
import sys
from pathlib import Path

import pytest

from bitpipe.errors import MissingExtraError, TrainingError
from pipeline import extras
from pipeline.working import UnexpectedError

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


def imported(nodes):
    """The modules that import statements name; `from a import b` may be a module too."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def file_of(module):
    path = ROOT / module.replace(".", "/")
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)


def loaded_with(*modules):
    """Top-level names of what the modules load from others, when they are imported."""
    foreign, seen, todo = set(), set(), list(modules)
    while todo:
        module = todo.pop()
        package, _, _ = module.rpartition(".")
        if package not in seen:
            todo.append(package)
        seen.add(module)
        if (path := file_of(module)) is None:
            continue
        for name in imported(ast.parse(path.read_text()).body):
            top = name.partition(".")[0]
            if top not in SHIPPED:
                foreign.add(top)
            elif name not in seen:
                todo.append(name)
    return foreign - sys.stdlib_module_names


def test_every_module_that_is_imported_has_an_extra():
    known = BASE.union(*extras.MODULES.values()) | set(SHIPPED) | sys.stdlib_module_names
    files = [path for name in SHIPPED for path in (ROOT / name).rglob("*.py")]
    assert {
        f"{path.name}: {name}"
        for path in files
        for name in imported(ast.walk(ast.parse(path.read_text())))
        if name.partition(".")[0] not in known
    } == set()


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("train", ("pipeline.local", "components.trainer", "components.bit.classifier")),
        ("serve", ("serving.server.app", "serving.server.rest")),
        ("batch", ("serving.batch.beam_pipeline",)),
        ("kubeflow", ("pipeline.kubeflow.compile.compiler", "pipeline.kubeflow.api.client")),
    ],
)
def test_an_extra_brings_all_that_its_command_loads(extra, modules):
    assert loaded_with(*modules) - BASE - extras.MODULES[extra] == set()
