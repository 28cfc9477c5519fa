"""Other content at a backbone's path is another key for the Trainer, and other checkpoints."""

import json

import pytest

pytestmark = pytest.mark.tfx


@pytest.fixture
def trainer():
    from tfx.proto.orchestration import pipeline_pb2

    def node(backbone, stage="Trainer"):
        made = pipeline_pb2.PipelineNode()
        made.node_info.id = stage
        text = json.dumps({"model": {"backbone": backbone}, "checkpoints": "c"})
        made.parameters.parameters["custom_config"].field_value.string_value = text
        return made

    return node


def custom_config(node):
    from pipeline import weights_key

    weights_key.add(node)
    return json.loads(node.parameters.parameters["custom_config"].field_value.string_value)


def test_the_content_of_a_file_is_in_the_key(trainer, tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"one")
    one = custom_config(trainer(str(path)))
    assert one["model"] == {"backbone": str(path)}
    assert one == custom_config(trainer(str(path)))
    path.write_bytes(b"two")
    assert one != custom_config(trainer(str(path)))


@pytest.mark.parametrize("backbone", ["scratch", "bit-m-r50x1"])
def test_what_has_no_file_of_its_own_adds_nothing(trainer, backbone):
    assert set(custom_config(trainer(backbone))) == {"model", "checkpoints"}


def test_other_stages_are_left_alone(trainer, tmp_path):
    node = trainer(str(tmp_path / "missing.npz"), stage="Transform")
    assert set(custom_config(node)) == {"model", "checkpoints"}
