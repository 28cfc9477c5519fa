"""Which code of ours a node runs, and what a container with other code says."""

from types import SimpleNamespace

import pytest

from bitpipe.errors import ConfigError
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
    stage_code.require_same("")


def test_the_same_code_is_let_through():
    made = node("components.trainer.Own", preprocessing_fn="components.preprocessing.x")
    stage_code.require_same(stage_code.digests(made))


@pytest.mark.parametrize("entry", ["components.trainer", "components.not_here_yet"])
def test_other_code_is_refused_with_the_image_to_build(entry):
    known = "components.preprocessing"
    compiled = f"{known}={code_version(known)},{entry}=cd34"
    with pytest.raises(ConfigError, match=f"other code of {entry} .*against cd34.*make image"):
        stage_code.require_same(compiled)
