"""Which code of ours a node runs."""

from types import SimpleNamespace

import pytest

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
