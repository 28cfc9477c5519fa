"""Which model training starts from, and that the same run again starts from the same."""

import json

import pytest

from bitpipe.model import release
from bitpipe.model.release import Release, Withdrawal

pytestmark = pytest.mark.tfx

FIRST, OTHER_DATA, OTHER_SETTINGS = (1, "a"), (2, "a"), (1, "b")


class Nights:
    """ML Metadata in memory, in which the Trainer and the Pusher note what they do."""

    def __init__(self, root):
        import ml_metadata as mlmd
        from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2

        self.pb2 = mlmd_pb2
        self.store = mlmd.MetadataStore(
            mlmd_pb2.ConnectionConfig(fake_database=mlmd_pb2.FakeDatabaseConfig())
        )
        self.versions = str(root)
        self.types = {
            name: self.store.put_artifact_type(mlmd_pb2.ArtifactType(name=name))
            for name in ("Model", "Examples", "TransformGraph", "HyperParameters")
        }
        self.stages = {
            name: self.store.put_execution_type(mlmd_pb2.ExecutionType(name=name))
            for name in ("Trainer", "Calibrator")
        }
        self.read = {}
        self.pushes = []

    def artifact(self, kind):
        [number] = self.store.put_artifacts([self.pb2.Artifact(type_id=self.types[kind])])
        return number

    def execution(self, stage, inputs, output, config):
        made = self.pb2.Execution(type_id=self.stages[stage])
        made.custom_properties["custom_config"].string_value = config
        [number] = self.store.put_executions([made])
        events = [(key, artifact, self.pb2.Event.INPUT) for key, artifact in inputs.items()]
        for key, artifact, kind in [*events, ("model", output, self.pb2.Event.OUTPUT)]:
            event = self.pb2.Event(execution_id=number, artifact_id=artifact, type=kind)
            event.path.steps.add(key=key)
            event.path.steps.add(index=0)
            self.store.put_events([event])

    def inputs(self, data):
        if data not in self.read:
            self.read[data] = {
                "examples": self.artifact("Examples"),
                "transform_graph": self.artifact("TransformGraph"),
                "hyperparameters": self.artifact("HyperParameters"),
            }
        return self.read[data]

    def train(self, night, *, calibrated=False, pushed=True):
        """A night's model, which is version 100, 101 and so on where it is pushed."""
        data, settings = night
        model = self.artifact("Model")
        config = {"train": settings, "backbone_sha256": f"{model}", "export": "of then"}
        start = self.start(night)
        inputs = self.inputs(data) | ({"base_model": start} if start else {})
        self.execution("Trainer", inputs, model, json.dumps(config))
        if calibrated:
            of_trainer, model = model, self.artifact("Model")
            self.execution("Calibrator", {"model": of_trainer}, model, "null")
        if pushed:
            self.pushes.append(model)
        return model

    def start(self, night):
        """The model that this night's training starts from; None for `model.backbone`."""
        from pathlib import Path

        from tfx.types import standard_artifacts

        from components import warm_start
        from components.release import pusher

        data, settings = night

        def known(kind, number):
            made = kind()
            made.id = number
            made.uri = f"{self.versions}/artifact-{number}"
            saved_model = Path(made.uri) / "Format-Serving" / "saved_model.pb"
            saved_model.parent.mkdir(parents=True, exist_ok=True)
            saved_model.touch()
            return made

        pushes = []
        for number, model in enumerate(self.pushes):
            made = known(standard_artifacts.PushedModel, 1000 + number)
            made.set_int_custom_property(pusher.MODEL_ID, model)
            made.set_string_custom_property(pusher.VERSION, str(100 + number))
            pushes.append(made)
        strategy = warm_start.ServedModel(
            self.versions,
            json.dumps({"train": settings, "export": f"of now, {len(self.pushes)}"}),
            ["backbone_sha256", "export"],
        )
        found = strategy.resolve_artifacts(
            self.store,
            {
                "model": [known(standard_artifacts.Model, model) for model in set(self.pushes)],
                "pushed_model": pushes,
                **{
                    key: [known(standard_artifacts.Examples, number)]
                    for key, number in self.inputs(data).items()
                },
            },
        )
        assert len(found["model"]) == len(found["pushed_model"]) <= 1
        return found["model"][0].id if found["model"] else None


@pytest.fixture
def nights(tmp_path):
    return Nights(tmp_path)


def test_the_first_night_has_none(nights):
    assert nights.start(FIRST) is None


def test_the_same_again_starts_from_what_it_started_from(nights):
    first = nights.train(FIRST)
    assert nights.start(FIRST) is None
    nights.train(OTHER_DATA)
    assert nights.start(OTHER_DATA) == first


@pytest.mark.parametrize("other", [OTHER_DATA, OTHER_SETTINGS])
def test_new_pictures_and_new_settings_start_from_the_model_in_service(nights, other):
    first = nights.train(FIRST)
    assert nights.start(other) == first


def test_a_model_that_was_not_pushed_is_no_start(nights):
    first = nights.train(FIRST)
    nights.train(OTHER_DATA, pushed=False)
    assert nights.start(OTHER_DATA) == first == nights.start(OTHER_SETTINGS)


def test_a_former_configuration_starts_from_what_replaced_it(nights):
    nights.train(FIRST)
    second = nights.train(OTHER_SETTINGS)
    assert nights.start(FIRST) == second
    nights.train(FIRST)
    assert nights.start(FIRST) == second


def test_a_model_that_was_rolled_back_from_is_no_start(nights):
    first = nights.train(FIRST)
    nights.train(OTHER_DATA)
    release.write(nights.versions, Release(stable=100, withdrawn={101: Withdrawal("", 0)}))
    assert nights.start(OTHER_SETTINGS) == first
    assert nights.start(OTHER_DATA) == first


def test_a_model_that_another_stage_has_changed_is_still_the_trainers(nights):
    first = nights.train(FIRST, calibrated=True)
    assert nights.start(FIRST) is None
    assert nights.start(OTHER_DATA) == first
