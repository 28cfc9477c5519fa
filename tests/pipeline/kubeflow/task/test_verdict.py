"""The run's last task reads the verdict from ML Metadata."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline.kubeflow.task import verdict as task
from pipeline.kubeflow.task.verdict import main


@pytest.fixture
def store(tmp_path):
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "mlmd.sqlite")
    return metadata_store.MetadataStore(config)


def judge(store, run_id, *verdicts):
    """A run whose Evaluator gave these verdicts, one after the other."""
    run_type = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
    run = metadata_store_pb2.Context(type_id=run_type, name=run_id)
    (context_id,) = store.put_contexts([run])
    for name in ("Model", "ModelBlessing"):
        kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
        for verdict in verdicts:
            artifact = metadata_store_pb2.Artifact(type_id=kind, state="LIVE")
            artifact.custom_properties["blessed"].int_value = verdict
            (artifact_id,) = store.put_artifacts([artifact])
            link = metadata_store_pb2.Attribution(artifact_id=artifact_id, context_id=context_id)
            store.put_attributions_and_associations([link], [])


def run(tmp_path, run_id):
    arguments = [
        f"--run-id={run_id}",
        f"--summary={tmp_path / 'out' / 'summary'}",
        f"--metadata=sqlite:{tmp_path / 'mlmd.sqlite'}",
    ]
    return CliRunner().invoke(main, arguments).exit_code


@pytest.mark.parametrize(
    ("verdict", "code", "word"), [(1, 0, "was blessed"), (0, 3, "not blessed")]
)
def test_the_verdict_is_the_exit_code_and_the_summary(store, tmp_path, verdict, code, word):
    judge(store, "run", verdict)
    judge(store, "another", 1 - verdict)
    assert run(tmp_path, "run") == code
    assert word in (tmp_path / "out" / "summary").read_text()


def test_after_a_second_attempt_the_last_verdict_counts(store, tmp_path):
    judge(store, "run", 0, 1)
    assert run(tmp_path, "run") == 0


@pytest.mark.parametrize(("status", "code"), [(1, 0), (0, 3)])
def test_what_tensorflow_serving_could_not_load_is_not_blessed(store, tmp_path, status, code):
    judge(store, "run", 1)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="InfraBlessing"))
    artifact = metadata_store_pb2.Artifact(type_id=kind, state="LIVE")
    artifact.custom_properties["blessed"].int_value = status
    (artifact_id,) = store.put_artifacts([artifact])
    context_id = store.get_context_by_type_and_name("pipeline_run", "run").id
    link = metadata_store_pb2.Attribution(artifact_id=artifact_id, context_id=context_id)
    store.put_attributions_and_associations([link], [])
    assert run(tmp_path, "run") == code


@pytest.mark.parametrize("known", ["another", "run"])
def test_without_a_verdict_nothing_is_claimed(store, tmp_path, known):
    judge(store, known)
    assert run(tmp_path, "run") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("model_id", "code"), [(0, 3), (7, 0)])
def test_a_model_that_was_rolled_back_from_fails_the_run_and_one_that_waits_does_not(
    store, tmp_path, model_id, code
):
    judge(store, "run", 1)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="PushedModel"))
    pushed = metadata_store_pb2.Artifact(type_id=kind, state="LIVE")
    pushed.custom_properties["model_id"].int_value = model_id
    pushed.custom_properties["remark"].string_value = "ann said so"
    (artifact_id,) = store.put_artifacts([pushed])
    run_context = store.get_context_by_type_and_name("pipeline_run", "run")
    link = metadata_store_pb2.Attribution(artifact_id=artifact_id, context_id=run_context.id)
    store.put_attributions_and_associations([link], [])
    assert run(tmp_path, "run") == code
    assert "ann said so" in (tmp_path / "out" / "summary").read_text()


def test_the_properties_are_those_of_the_pusher():
    """Whose module imports TFX: read, not imported."""
    text = (Path(__file__).parents[4] / "components/release/pusher.py").read_text("utf-8")
    for name in ("MODEL_ID", "REMARK"):
        assert f'{name} = "{getattr(task, name)}"' in text
