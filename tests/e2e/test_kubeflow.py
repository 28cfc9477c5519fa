"""The compiled pipeline, executed from its YAML, ML Metadata behind gRPC.

In the first run every task is a process of its own, as on a cluster, to which only TensorFlow and
Beam are lent; the others share one.
"""

import dataclasses
import os
import re
import sys
from pathlib import Path

import msgspec
import pytest

from pipeline.settings import config
from tests import forks
from tests.pictures import write_folder
from tests.pipeline.kubeflow import mlmd_server, runner

pytestmark = [pytest.mark.tfx, pytest.mark.e2e]

REPOSITORY = Path(__file__).parents[2]
# What takes longest to import; TFX, its components and ours are each task's own affair.
LENT = ("tensorflow", "apache_beam", "keras", "pyarrow", "scipy.stats")
# The stages whose work TFX does not repeat; the Resolver and the Pusher look at what is in service.
CACHEABLE = {
    "image-example-gen",
    "statistics-gen",
    "schema-gen",
    "example-validator",
    "hyper-rule",
    "transform",
    "trainer",
    "serving-check",
}


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A compiled pipeline and what stands for the cluster."""

    text: str
    without_server: str
    folder: Path
    environment: dict

    def run(self, execute, text="", **parameters):
        outputs = self.folder / "outputs"
        return runner.run(text or self.text, outputs, execute, workers=1, **parameters)

    @property
    def served(self):
        folder = self.folder / "serving" / "smoke"
        return sorted(path.name for path in folder.glob("[0-9]*"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    from pipeline.kubeflow.compile import compiler

    folder = tmp_path_factory.mktemp("cluster")
    data = folder / "photos"
    write_folder(data / "span-1", per_class=20)
    write_folder(data / "span-2", per_class=20)
    with mlmd_server.served(folder / "mlmd.sqlite") as address:
        environment = {**os.environ, "METADATA_GRPC_SERVICE_HOST": "127.0.0.1"}
        environment["METADATA_GRPC_SERVICE_PORT"] = address.rpartition(":")[2]
        environment["PYTHONPATH"] = str(REPOSITORY)
        places = {"image": "bitpipe", "data": str(data)}
        places |= {name: str(folder / name) for name in ("root", "serving")}
        given = [f"kubeflow={msgspec.json.encode(places).decode()}", "data.pattern=span-{SPAN}/*/*"]
        texts = (
            compiler.compile_pipeline(config.load("smoke", [*given, *more]).config).to_yaml()
            for more in ((), ("serving_check.server=off",))
        )
        yield Cluster(*texts, folder, environment)


@pytest.fixture(scope="session")
def first(cluster):
    with forks.parent(*LENT) as parent:
        execute = runner.as_forks(parent, cluster.environment, cluster.folder / "logs")
        return cluster.run(execute)


@pytest.fixture(scope="session")
def after_first(cluster, first):
    return cluster.served


@pytest.fixture(scope="session")
def one_process(cluster):
    with runner.in_one_process(
        sys.executable, cluster.environment, cluster.folder, cluster.folder / "tasks.log"
    ) as execute:
        yield execute


@pytest.fixture(scope="session")
def second(cluster, one_process, after_first):
    return cluster.run(one_process)


@pytest.fixture(scope="session")
def refused(cluster, one_process, second):
    """One step of training; no server is asked, whose start takes as long as all else."""
    given = {"steps": 1, "min_accuracy": 1.0, "max_drop": 1.0, "span": 1}
    return cluster.run(one_process, cluster.without_server, **given)


def state(done, name):
    return "cached" if "taken from the cache" in done[name].summary else done[name].exit_code


def test_every_task_succeeds_and_the_model_is_pushed(first, after_first):
    assert {name: done.exit_code for name, done in first.items()} == dict.fromkeys(first, 0), {
        name: done.log[-2000:] for name, done in first.items() if done.exit_code
    }
    assert len(first) == 13
    assert len(after_first) == 1


def test_each_task_leaves_a_summary_of_what_it_read_and_wrote(first):
    assert "| model | Model" in first["trainer"].summary
    assert "| examples | Examples" in first["trainer"].summary
    for judge in ("evaluator", "serving-check"):
        assert "The model is blessed." in first[judge].summary
    assert "the embedded server loads it" in first["serving-check"].summary
    assert first["gate"].summary == "# Gate\n\nThe model was blessed.\n"


def test_each_run_leaves_a_report_blessed_or_not(first, refused, cluster):
    for done, verdict in ((first, "Blessed: in service as version"), (refused, "Not blessed")):
        assert "artifact `report`" in done["report"].summary, done["report"].log
        page = done["report"].report
        assert verdict in page
        assert "data:image/jpeg" in page
        assert str(cluster.folder / "photos") in page


def test_the_second_run_takes_everything_unchanged_from_the_cache(first, second, cluster):
    assert {name for name in second if state(second, name) == "cached"} >= CACHEABLE
    assert cluster.served == cluster.served[:1]


def test_a_new_model_is_compared_with_the_one_that_the_first_run_pushed(first, refused):
    def model(done, artifact):
        return re.search(rf"\| {artifact} \| Model (\d+)", done.summary)

    assert model(first["resolver"], "model") is None
    assert model(refused["resolver"], "model")[1] == model(first["trainer"], "model")[1]


def test_parameters_reach_their_stages_and_a_refused_model_ends_at_the_gate(refused, after_first):
    assert "1 of 1" in refused["trainer"].log
    assert "span-1/*/*" in refused["image-example-gen"].log
    assert refused["pusher"].exit_code == 0
    assert refused["gate"].exit_code == 3
    assert refused["gate"].summary == ""
    assert "The model is not blessed, and nothing is pushed." in refused["evaluator"].summary
    assert re.search(r"^- .*accuracy", refused["evaluator"].summary, re.MULTILINE)


def test_a_refused_model_is_not_served(cluster, refused, after_first):
    assert cluster.served == after_first
