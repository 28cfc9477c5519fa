"""A pipeline that Kubeflow's imitation takes, and a client of it."""

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.connection import Connection
from pipeline.kubeflow.package import Package, Parameter

PARAMETERS = (
    Parameter("data", "STRING", None, "Folder with a folder per class."),
    Parameter("steps", "NUMBER_INTEGER", 0, "Training steps."),
    Parameter("min_accuracy", "NUMBER_DOUBLE", 0.5, "Accuracy to reach."),
)


def make_package(platform_spec=None, **changes):
    tasks = {name: {"taskInfo": {"name": name}} for name in ("trainer", "pusher", "gate")}
    spec = {
        "pipelineInfo": {"name": "photos"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}},
    }
    manifest = {"minimum_backend": "2.5.0"}
    return Package("photos", spec | changes, platform_spec or {}, PARAMETERS, manifest)


def connect(stub, **options):
    return Client(Connection(host=stub.url, **options))
