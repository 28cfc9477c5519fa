"""Which code of ours a node runs, and what a container with other code says."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from bitpipe.errors import ConfigError
from bitpipe.exits import USER
from components.code_version import code_version
from pipeline import stage_code


class Strategy:
    """As TFX gives a Resolver's to its node: the class itself."""


Strategy.__module__ = "components.gate.baseline"


def node(executor, **properties):
    spec = SimpleNamespace(exec_properties=dict(properties))
    executor_spec = SimpleNamespace(class_path=executor)
    return SimpleNamespace(executor_spec=executor_spec, exec_properties=properties, spec=spec)


@pytest.mark.parametrize(
    ("made", "entries"),
    [
        (node("components.release.pusher.Executor"), ["components.release.pusher"]),
        (node("tfx.Executor", run_fn="components.trainer.run_fn"), ["components.trainer"]),
        (node("tfx.Executor", resolver_class=Strategy), ["components.gate.baseline"]),
        (
            node("components.trainer.Own", preprocessing_fn="components.preprocessing.x"),
            ["components.preprocessing", "components.trainer"],
        ),
    ],
)
def test_a_node_is_known_by_the_modules_that_tfx_imports_to_run_it(made, entries):
    expected = ",".join(f"{module}={code_version(module)}" for module in entries)
    assert stage_code.digests(made) == expected
    stage_code.add_to_key(made)
    assert made.spec.exec_properties["code_version"] == expected


def test_a_node_of_tfx_needs_no_code_of_ours():
    made = node("tfx.components.schema_gen.executor.Executor", module_file=None, run_fn=None)
    assert stage_code.digests(made) == ""
    stage_code.add_to_key(made)
    assert "code_version" not in made.spec.exec_properties
    stage_code.require_same("SchemaGen", "")


def test_the_same_code_is_let_through():
    made = node("components.trainer.Own", preprocessing_fn="components.preprocessing.x")
    stage_code.require_same("Trainer", stage_code.digests(made))


@pytest.mark.parametrize("entry", ["components.trainer", "components.not_here_yet"])
def test_other_code_is_refused_with_the_image_to_build(entry):
    with pytest.raises(ConfigError) as caught:
        stage_code.require_same("Trainer", f"components.preprocessing=0,{entry}=cd34")
    assert caught.value.exit_code == USER
    assert "other code of Trainer" in str(caught.value)
    with pytest.raises(ConfigError, match=f"against cd34, of {entry}.*make image"):
        stage_code.require_same("Trainer", f"{entry}=cd34")


def test_the_check_costs_a_container_no_framework():
    program = "import sys; from pipeline import stage_code; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"tfx", "tensorflow", "apache_beam"} & set(done.stdout.split())
