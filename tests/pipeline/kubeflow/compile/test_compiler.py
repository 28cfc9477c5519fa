"""The compiled pipeline: the whole graph, the same bytes every time, within the limits."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from components.code_version import PACKAGES, code_version
from pipeline import stage_code
from pipeline.cli import cli
from pipeline.settings import config
from pipeline.settings.kubeflow import STAGES
from tests.pipeline.kubeflow import messages

pytestmark = pytest.mark.tfx

REPOSITORY = Path(__file__).parents[4]
CLUSTER = str(Path(__file__).parents[1] / "cluster.yaml")


@pytest.fixture(scope="module")
def package():
    from pipeline.kubeflow.compile import compiler

    return compiler.compile_pipeline(config.load(CLUSTER).config)


@pytest.fixture(scope="module")
def tasks(package):
    return package.pipeline_spec["root"]["dag"]["tasks"]


def executor(package, name):
    return package.pipeline_spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]


def test_a_relative_path_of_weights_is_refused():
    from bitpipe.errors import ConfigError
    from pipeline.kubeflow.compile import compiler

    given = ("model.backbone=weights/w.npz", "model.variant=R14x0.5")
    with pytest.raises(ConfigError, match=r"must be an absolute path .* Received: weights/w\.npz"):
        compiler.compile_pipeline(config.load(CLUSTER, given).config)


def test_every_stage_is_a_task_and_report_and_gate_come_last(package, tasks):
    stages = set(STAGES) - {"infra_validator", "warm_start", "calibrator"}
    assert {name.replace("-", "_") for name in tasks} == {*stages, "gate"}
    assert list(tasks)[-2:] == ["report", "gate"]
    assert tasks["report"]["dependentTasks"] == ["pusher"]
    assert tasks["gate"]["dependentTasks"] == ["report"]
    assert set(package.manifest["nodes"]) == {
        "".join(word.title() for word in stage.split("_")) for stage in stages - {"report"}
    }


def test_tasks_wait_for_what_they_read_and_for_nothing_that_comes_later(tasks):
    seen = set()
    for name, task in tasks.items():
        assert set(task.get("dependentTasks", [])) <= seen
        seen.add(name)
    assert tasks["evaluator"]["dependentTasks"] == [
        "image-example-gen",
        "resolver",
        "schema-gen",
        "trainer",
    ]


def test_every_release_of_the_backend_from_the_minimum_on_takes_it(package):
    for release in messages.RELEASES:
        messages.check_pipeline(release, package.pipeline_spec, package.platform_spec)
    assert package.manifest["minimum_backend"] == messages.RELEASES[0]


def test_a_stage_runs_where_its_pool_says(package):
    trainer = executor(package, "trainer")
    assert trainer["image"] == "registry.example/bitpipe:0.1.0-gpu"
    assert trainer["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert executor(package, "transform")["image"] == "registry.example/bitpipe:0.1.0"
    executors = package.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-trainer"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "nodeSelector" not in executors["exec-transform"]


def test_parameters_go_to_the_stages_that_use_them(package, tasks):
    users = {
        name: sorted(set(task["inputs"]["parameters"]) - {"run_id"}) for name, task in tasks.items()
    }
    assert {name: used for name, used in users.items() if used} == {
        "image-example-gen": ["data"],
        "hyper-rule": ["steps"],
        "evaluator": ["max_drop", "min_accuracy", "min_recall_per_class"],
        "report": ["data"],
    }


def test_a_pattern_with_spans_brings_the_parameter(package):
    from pipeline.kubeflow.compile import compiler

    spans = config.load(CLUSTER, ["data.pattern=span-{SPAN}/*/*"]).config
    with_spans = compiler.compile_pipeline(spans)
    assert [p.name for p in with_spans.parameters][-2:] == ["span", "span_window"]
    arguments = executor(with_spans, "image-example-gen")["args"]
    assert "--param=span=NUMBER_INTEGER:{{$.inputs.parameters['span']}}" in arguments


def test_docker_is_refused_where_pods_run():
    from bitpipe.errors import ConfigError
    from pipeline.kubeflow.compile import compiler

    asked = config.load(CLUSTER, ["serving_check.server=docker"]).config
    with pytest.raises(ConfigError, match=r"Set kubeflow\.infra_validator"):
        compiler.compile_pipeline(asked)


@pytest.mark.parametrize("ending", [":2.19.1", "@sha256:" + "0" * 64])
def test_a_model_that_tensorflow_serving_must_load_first_is_pushed_after_that(ending):
    from tfx.proto import infra_validator_pb2
    from tfx.types.channel import Channel
    from tfx.types.standard_artifacts import Model
    from tfx.utils import proto_utils

    from pipeline import dag
    from pipeline.kubeflow.compile import compiler

    image = f"registry.example:5000/serving{ending}"
    settings = (
        f"kubeflow.infra_validator={image}",
        "train.warm_start=served",
        "gate.reject_below=0.5",
    )
    checked = config.load(CLUSTER, settings).config
    tasks = compiler.compile_pipeline(checked).pipeline_spec["root"]["dag"]["tasks"]
    others = set(STAGES) - {"serving_check"}  # in whose place it stands
    assert set(tasks) - {"gate"} == {stage.replace("_", "-") for stage in others}
    assert "infra-validator" in tasks["pusher"]["dependentTasks"]
    assert "warm-start" in tasks["trainer"]["dependentTasks"]
    for name in ("resolver", "evaluator", "infra-validator", "pusher"):
        assert "calibrator" in tasks[name]["dependentTasks"]
        assert "trainer" not in tasks[name]["dependentTasks"]
    validator = dag._infra_validator(Channel(type=Model), image)
    spec = infra_validator_pb2.ServingSpec()
    proto_utils.json_to_proto(validator.exec_properties["serving_spec"], spec)
    served = spec.tensorflow_serving
    assert served.image_name == "registry.example:5000/serving"
    assert [*map(":{}".format, served.tags), *map("@{}".format, served.digests)] == [ending]
    assert spec.WhichOneof("serving_platform") == "kubernetes"


def test_the_code_of_a_stage_is_in_its_key_and_travels_with_its_task(package):
    from pipeline.kubeflow.compile import ir

    entries = {}
    for name, node in package.manifest["nodes"].items():
        task = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        arguments = dict(arg.split("=", 1) for arg in executor(package, task)["args"])
        assert arguments["--code"] == node["code"]
        (compiled,) = ir.unpack(arguments["--node"], arguments["--sha256"]).nodes
        in_key = compiled.pipeline_node.parameters.parameters["code_version"]
        # A Resolver has no key: it is asked in every run.
        assert in_key.field_value.string_value == (node["code"] if name != "Resolver" else "")
        if node["code"]:
            entry, _, digest = node["code"].partition("=")
            assert digest == code_version(entry)
            entries[name] = entry
    assert entries.keys() >= {"ImageExampleGen", "HyperRule", "Transform", "Trainer", "Pusher"}
    assert entries["Trainer"] == "components.trainer"
    assert entries["Transform"] == "components.preprocessing"
    assert entries["Resolver"] == "components.gate.baseline"


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("components/release/pusher.py", {"Pusher"}),
        ("components/bit/download.py", set()),
        ("components/training/step.py", {"Trainer"}),
        ("components/preprocessing.py", {"Transform", "Trainer"}),
        (
            "components/features.py",
            {
                "ImageExampleGen",
                "HyperRule",
                "Transform",
                "Trainer",
                "ServingCheck",
                "ExampleValidator",
            },
        ),
        ("serving/server/rest.py", {"ServingCheck"}),
    ],
)
def test_a_change_of_code_reaches_the_stages_that_import_it(
    package, tmp_path, monkeypatch, changed, again
):
    from pipeline import dag
    from pipeline.kubeflow.compile import compiler

    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    with (tmp_path / changed).open("a") as file:
        file.write("\n# changed\n")
    elsewhere = functools.partial(code_version, top=tmp_path)
    for module in (stage_code, dag):
        monkeypatch.setattr(module, "code_version", elsewhere)
    there = compiler.compile_pipeline(config.load(CLUSTER).config)

    before, after = package.manifest["nodes"], there.manifest["nodes"]
    found = {name for name in before if before[name]["sha256"] != after[name]["sha256"]}
    # What pushes is told what trained, and what judges may use anything of what it judges.
    told = {"Pusher"} if "Trainer" in again else set()
    assert found - {"Evaluator"} == again | told


def test_it_stays_far_within_the_limits_of_linux_and_argo(package):
    assert len(package.to_yaml()) < 100_000  # Argo's limit is about 700 KB
    for node in package.manifest["nodes"].values():
        assert node["bytes"] < 10_000  # 96 KiB


def test_another_process_with_other_hashes_writes_the_same_bytes(package, tmp_path):
    out = tmp_path / "pipeline.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "compile", "--config", CLUSTER, "--out", str(out)],
        env={"PYTHONHASHSEED": "7", "PATH": "", "HOME": str(tmp_path)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert out.read_text() == package.to_yaml()
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "pipeline.yaml",
        "pipeline.manifest.json",
        "pipeline.ir.txt",
    }
    manifest = yaml.safe_load((tmp_path / "pipeline.manifest.json").read_text())
    assert manifest == package.manifest
    assert str(out) in done.stdout


def test_vertex_ai_gets_the_graph_through_tfxs_own_runner(tmp_path):
    out = tmp_path / "pipeline.json"
    arguments = ["compile", "--config", CLUSTER, "--set", "kubeflow.target=vertex"]
    done = CliRunner().invoke(cli, [*arguments, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    executors = yaml.safe_load(out.read_text())["pipelineSpec"]["deploymentSpec"]["executors"]
    assert any("Trainer" in name for name in executors)
