"""What a task refuses before it does anything."""

import pytest

from bitpipe.errors import ConfigError
from pipeline.kubeflow.task import entrypoint

pytestmark = pytest.mark.tfx


@pytest.fixture
def packed():
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.compile import ir

    part = pipeline_pb2.Pipeline()
    node = part.nodes.add().pipeline_node
    node.node_info.id = "Trainer"
    steps = node.parameters.parameters["steps"].runtime_parameter
    steps.name, steps.type = "steps", pipeline_pb2.RuntimeParameter.INT
    run = part.runtime_spec.pipeline_run_id.runtime_parameter
    run.name, run.type = "pipeline-run-id", pipeline_pb2.RuntimeParameter.STRING
    part.deployment_config.Pack(pipeline_pb2.IntermediateDeploymentConfig())
    return ir.pack(part)


def prepare(packed, **changed):
    from tfx import version

    from pipeline.kubeflow.compile import ir

    arguments = {
        "packed": packed,
        "sha256": ir.digest_of(packed),
        "tfx": version.__version__,
        "run_id": "run",
        "metadata": "grpc://mlmd",
        "params": ("steps=NUMBER_INTEGER:7",),
    }
    return entrypoint.prepare(**{**arguments, **changed})


def test_parameters_and_the_run_reach_the_node(packed):
    part, connection = prepare(packed)
    (node,) = part.nodes
    assert node.pipeline_node.parameters.parameters["steps"].field_value.int_value == 7
    assert part.runtime_spec.pipeline_run_id.field_value.string_value == "run"
    assert connection.host == "mlmd"


def test_the_launcher_finds_ml_metadata_in_the_description(packed):
    from tfx.orchestration.local import runner_utils

    part, connection = prepare(packed)
    deployment = runner_utils.extract_local_deployment_config(part)
    assert deployment.metadata_connection_config.mlmd_store_client_config == connection


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tfx": "0.1"}, r"compiled with TFX 0\.1, this image has"),
        ({"sha256": "0"}, "damaged on its way"),
        ({"params": ()}, "no value for steps"),
        ({"params": ("steps=NUMBER_INTEGER:all",)}, "NUMBER_INTEGER. Received: 'all'"),
        ({"metadata": "nowhere"}, "Received: 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(packed, changed, sentence):
    with pytest.raises(ConfigError, match=sentence):
        prepare(packed, **changed)


def test_a_placeholder_that_an_old_backend_left_is_refused():
    with pytest.raises(ConfigError, match="older than the pipeline needs"):
        entrypoint._refuse_unresolved(["{{$.pipeline_job_uuid}}"])


def test_the_gate_of_a_run_is_made_of_its_parameters():
    from components.gate import executor
    from components.gate.settings import GateSettings
    from pipeline.kubeflow import parameters

    given = {"min_accuracy": 0.9, "max_drop": 0.05, "min_recall_per_class": 0.0}
    compiled = '{"min_accuracy":0.5,"min_recall_per_class":0.7,"metric":"balanced_accuracy"}'
    properties = {"gate": compiled, "gate_of_run": parameters.bindings(given)["gate"]}
    assert executor.settings(properties) == GateSettings(
        metric="balanced_accuracy", min_accuracy=0.9, max_drop=0.05
    )
    with pytest.raises(ConfigError, match=r"the gate's parameters.*1\.5"):
        parameters.bindings({**given, "min_accuracy": 1.5})


@pytest.mark.parametrize(
    ("loads", "words"),
    [
        (1, "The model is blessed."),
        (0, "not blessed, and nothing is pushed.\n\n- TensorFlow Serving"),
    ],
)
def test_a_summary_says_whether_tensorflow_serving_could_load_the_model(loads, words):
    from tfx.types.standard_artifacts import InfraBlessing

    from pipeline.kubeflow.task import summary

    artifact = InfraBlessing()
    artifact.set_int_custom_property("blessed", loads)
    assert words in summary._judged({"blessing": [artifact]})


def test_a_summary_says_why_a_model_was_refused_as_far_as_it_was_written_down(tmp_path):
    from tfx.types.standard_artifacts import ModelEvaluation

    from components.gate import kept, measures, verdict
    from pipeline.kubeflow.task import summary

    artifact = ModelEvaluation()
    artifact.uri = str(tmp_path)
    assert summary._judged({"evaluation": [artifact]}) == ""
    checks = [
        verdict.Check(rule=sentence, passed=passed, sentence=sentence, pictures=1)
        for sentence, passed in (("the floor is reached", True), ("the accuracy is 0.1", False))
    ]
    measured = measures.Measures(1, 0.1, 0.1, 0.1, 0.1, 0, {}, ())
    kept.write_verdict(
        str(tmp_path),
        verdict.Verdict(False, tuple(checks), ("a note",)),
        verdict.Measured(measured, None),
    )
    said = summary._judged({"evaluation": [artifact]})
    assert "not blessed" in said
    assert said.endswith("- the accuracy is 0.1\n- the floor is reached\n- a note\n")
