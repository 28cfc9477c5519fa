"""A task imports what its node needs, and can still ask for the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tfx


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def test_the_evaluator_finds_what_model_analysis_dropped():
    loaded = python(
        "from pipeline.kubeflow.task import imports\n"
        "imports.defer_components()\n"
        "import pipeline.node\n"
        "imports.load_components()\n"
        "from tfx.components.evaluator import executor\n"
        "print(executor.tfma.EvalConfig.__name__)\n"
    )
    assert loaded == ["EvalConfig"]


def test_the_launcher_comes_without_the_components_and_they_come_when_asked_for():
    loaded = python(
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
    )
    assert loaded == ["False", "False", "Executor", "Evaluator", "False"]
