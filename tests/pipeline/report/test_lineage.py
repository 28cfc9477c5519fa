"""What ML Metadata knows of a run."""

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from pipeline import stages

pytestmark = pytest.mark.tfx

OUTPUTS = {
    stages.IMAGE_EXAMPLE_GEN: ["Examples"],
    "StatisticsGen": ["ExampleStatistics"],
    stages.EXAMPLE_VALIDATOR: ["ExampleAnomalies"],
    "HyperRule": ["HyperParameters"],
    stages.TRAINER: ["Model", "ModelRun"],
    stages.EVALUATOR: ["ModelEvaluation", "ModelBlessing"],
    stages.PUSHER: ["PushedModel"],
}


@pytest.fixture
def lineage():
    from pipeline.report import lineage  # and TFX

    return lineage


@pytest.fixture
def store(tmp_path):
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "mlmd.sqlite")
    return metadata_store.MetadataStore(config)


def put_run(store, run_id, outputs=OUTPUTS, *, version="7", state="COMPLETE"):
    kind = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
    (context,) = store.put_contexts([metadata_store_pb2.Context(type_id=kind, name=run_id)])
    for name, types in outputs.items():
        kind = store.put_execution_type(
            metadata_store_pb2.ExecutionType(name=f"components.some.component.{name}")
        )
        made = []
        for name_of_type in types:
            of_type = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name_of_type))
            artifact = metadata_store_pb2.Artifact(type_id=of_type, uri=f"/{run_id}/{name_of_type}")
            if name_of_type == "PushedModel":
                artifact.custom_properties["pushed_version"].string_value = version
            event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
            made.append((artifact, event))
        execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
        known = store.get_context_by_type_and_name("pipeline_run", run_id)
        assert known.id == context
        store.put_execution(execution, made, [known])


def test_each_run_has_its_own_outputs(lineage, store):
    put_run(store, "one")
    put_run(store, "two", version="")
    found = lineage.find(store, "one")
    assert found.sources.evaluation == "/one/ModelEvaluation"
    assert found.sources.model == "/one/Model"
    assert [stage.name for stage in found.stages] == list(OUTPUTS)
    assert (found.pushed, lineage.find(store, "two").pushed) == ("7", None)
    assert found.started.endswith(" UTC")


def test_what_was_taken_from_the_cache_is_told(lineage, store):
    put_run(store, "one", state="CACHED")
    assert {stage.cached for stage in lineage.find(store, "one").stages} == {True}


def test_a_run_that_is_not_there_or_has_no_verdict_is_refused(lineage, store):
    put_run(store, "one", {**OUTPUTS, stages.EVALUATOR: []})
    with pytest.raises(lineage.NoRunError, match="no ModelEvaluation of Evaluator"):
        lineage.find(store, "one")
    with pytest.raises(lineage.NoRunError, match="no run 'two'"):
        lineage.find(store, "two")
    put_run(store, "three", state="FAILED")
    with pytest.raises(lineage.NoRunError, match="no ModelEvaluation"):
        lineage.find(store, "three")
