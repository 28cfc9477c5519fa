"""A node travels whole, alone, and equal to itself."""

import base64

import pytest
from google.protobuf import any_pb2

from bitpipe.errors import ConfigError

pytestmark = pytest.mark.tfx

NODES = ("Trainer", "Pusher")


@pytest.fixture
def pipeline():
    from tfx.proto.orchestration import pipeline_pb2

    whole = pipeline_pb2.Pipeline()
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    for name in NODES:
        node = whole.nodes.add().pipeline_node
        node.node_info.id = name
        waiting = node.parameters.parameters["steps"].runtime_parameter
        waiting.name = f"steps-of-{name}"
        node.contexts.contexts.add().name.runtime_parameter.name = "pipeline-run-id"
        deployment.executor_specs[name].CopyFrom(any_pb2.Any(type_url=name, value=b"x"))
        deployment.custom_driver_specs[name].CopyFrom(any_pb2.Any(type_url=name, value=b"y"))
    whole.deployment_config.Pack(deployment)
    return whole


def test_a_part_holds_one_node_and_its_deployment(pipeline):
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.compile import ir

    part = ir.cut(pipeline, "Trainer")
    assert [n.pipeline_node.node_info.id for n in part.nodes] == ["Trainer"]
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    part.deployment_config.Unpack(deployment)
    assert list(deployment.executor_specs) == list(deployment.custom_driver_specs) == ["Trainer"]
    assert len(pipeline.nodes) == 2  # the whole is left alone


def test_a_node_that_is_not_there_is_an_error(pipeline):
    from pipeline.kubeflow.compile import ir

    with pytest.raises(ValueError, match=r"one node 'Tuner'\. Found: 0"):
        ir.cut(pipeline, "Tuner")


def test_packing_and_unpacking_gives_the_same_and_always_the_same_text(pipeline):
    from pipeline.kubeflow.compile import ir

    part = ir.cut(pipeline, "Trainer")
    text = ir.pack(part)
    assert ir.unpack(text, ir.digest_of(text)) == part
    assert ir.pack(part) == text
    assert base64.b64decode(text)[4:8] == bytes(4)  # gzip's time


@pytest.mark.parametrize(
    "damage", [lambda t: t[:-4], lambda t: "A" + t[1:], lambda _: "", str.lower]
)
def test_damage_on_the_way_is_one_sentence(pipeline, damage):
    from pipeline.kubeflow.compile import ir

    text = ir.pack(ir.cut(pipeline, "Trainer"))
    with pytest.raises(ConfigError, match="damaged on its way"):
        ir.unpack(damage(text), ir.digest_of(text))


def test_a_description_that_is_too_long_is_refused(pipeline):
    from pipeline.kubeflow.compile import ir

    part = ir.cut(pipeline, "Trainer")
    noise = base64.b85encode(bytes(range(256)) * 2).decode()
    setting = part.nodes[0].pipeline_node.parameters.parameters["noise"].field_value
    import random

    setting.string_value = "".join(random.Random(0).choices(noise, k=150_000))
    with pytest.raises(ConfigError, match=r"Trainer has \d+ bytes of settings"):
        ir.pack(part)


def test_waiting_parameters_are_found_wherever_they_are(pipeline):
    from pipeline.kubeflow.compile import ir

    expected = {"pipeline-run-id", "steps-of-Trainer", "steps-of-Pusher"}
    assert ir.runtime_parameters(pipeline) == expected
