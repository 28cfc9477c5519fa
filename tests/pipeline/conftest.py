"""Fixtures that several rooms of the pipeline's tests share."""

import logging
import sys
import types

import pytest

CONFIG = """
name: flowers
kubeflow: {image: registry.example/bitpipe:1, root: /store/artifacts, serving: /store/serving,
  data: /photos, service_account: bitpipe}
"""


@pytest.fixture
def stub():
    """An imitation of Kubeflow Pipelines that listens on loopback."""
    from tests.pipeline.kubeflow.stub import Stub

    with Stub() as running:
        yield running


@pytest.fixture
def compiled(monkeypatch):
    """Stands for the compiler, which needs TFX; holds the configurations that it was given."""
    seen = []

    def compile_pipeline(config):
        from tests.pipeline.kubeflow.packages import make_package

        seen.append(config)
        return make_package()

    fake = types.SimpleNamespace(compile_pipeline=compile_pipeline)
    monkeypatch.setitem(sys.modules, "pipeline.kubeflow.compile.compiler", fake)
    for variable in ("KFP_HOST", "KFP_TOKEN", "KFP_NAMESPACE", "KF_PIPELINES_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    # The commands silence TensorFlow for the whole process, which here is the other tests' too.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    absl = logging.getLogger("absl")
    level = absl.level
    yield seen
    absl.setLevel(level)


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "flowers.yaml"
    file.write_text(CONFIG)
    return str(file)
