"""A task imports what its node needs, and can still ask for the rest."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kubeflow.task import imports

pytestmark = pytest.mark.tfx


def test_the_launcher_comes_without_the_components_and_they_come_when_asked_for():
    """In one process, because it takes most of a minute to get there."""
    code = (
        "import sys\n"
        "from pipeline.kubeflow.task import imports\n"
        "imports.defer_components()\n"
        "import pipeline.node\n"
        "for name in ('tensorflow_model_analysis', 'tfx.components.trainer'):\n"
        "    print(name in sys.modules)\n"
        "from tfx.components.schema_gen import executor\n"
        "print(executor.Executor.__name__)\n"
        "import tfx.components\n"
        "from tfx.components import Evaluator\n"
        "print(Evaluator.__name__, hasattr(tfx.components, 'NoSuchComponent'))\n"
        "from tfx.components.evaluator import executor\n"
        "print(executor.tfma.EvalConfig.__name__)\n"  # which Model Analysis has dropped
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = done.stdout.split()
    assert loaded == ["False", "False", "Executor", "Evaluator", "False", "EvalConfig"]


def test_what_is_deferred_can_be_loaded_at_once(monkeypatch):
    """As the Evaluator's task does, which wants what the package's `__init__` puts back."""
    real = importlib.import_module("tfx.components")
    monkeypatch.delitem(sys.modules, "tfx.components")
    imports.defer_components()
    deferred = sys.modules["tfx.components"]
    assert not hasattr(deferred, "__file__")
    monkeypatch.setattr(importlib, "import_module", lambda name: sys.modules.update({name: real}))
    imports.load_components()
    assert sys.modules["tfx.components"] is real
    assert deferred.Evaluator is real.Evaluator
