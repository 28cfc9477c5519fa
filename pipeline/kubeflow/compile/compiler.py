"""Turns the graph into a pipeline for open-source Kubeflow Pipelines 2.

Every node becomes a task of one container that runs it through TFX's launcher, so resolver, spans,
cache and lineage work as on one machine. TFX's own runner compiles for Vertex AI only.
"""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from google.protobuf import json_format, text_format
from tfx import version as tfx_version
from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.orchestration import pipeline_pb2

from bitpipe.errors import ConfigError
from components.bit import networks, sources
from components.settings import SCRATCH
from pipeline import dag, stage_code
from pipeline.kubeflow import parameters
from pipeline.kubeflow import told as packed
from pipeline.kubeflow.compile import ir, spec
from pipeline.kubeflow.package import GATE_TASK, REPORT_TASK, Package
from pipeline.report.facts import Setting, Told
from pipeline.settings import rendering
from pipeline.settings.config import Config
from pipeline.settings.kubeflow import KubeflowSettings, Resources, require_places

_PROGRAM = ("python", "-m")


def compile_pipeline(config: Config) -> Package:
    """The pipeline for `config.kubeflow.target` "kubeflow".

    The same configuration gives the same package, byte for byte.

    Raises:
        ConfigError: the image or a place is missing, the backbone's path is relative, or a stage's
            settings are too long.
    """
    require_places(config.kubeflow)
    _require_absolute(config.model.backbone)
    _require_no_docker(config)
    graph = dag.build(config, _places(config.kubeflow), None, _late(config))
    code = {node.id: stage_code.digests(node) for node in graph.components}
    pipeline = dag.compile_ir(graph)
    declared = parameters.declared(config)
    packed = {
        entry.pipeline_node.node_info.id: ir.pack(
            ir.cut(pipeline, entry.pipeline_node.node_info.id)
        )
        for entry in pipeline.nodes
    }
    types = {parameter.name: parameter.type for parameter in declared}
    tasks = [
        _task(entry.pipeline_node, packed[name], code[name], config.kubeflow, types)
        for name, entry in zip(packed, pipeline.nodes, strict=True)
    ]
    tasks.append(_report(config, after=tasks[-1].name))
    tasks.append(_gate(config.kubeflow, after=tasks[-1].name))
    sdk = f"bitpipe-{importlib.metadata.version('bitpipe')}"
    return Package(
        name=config.name,
        pipeline_spec=spec.pipeline_spec(
            config.name,
            f"Fine-tunes {_variant(config)} and serves it as {config.name}.",
            declared,
            tasks,
            sdk,
        ),
        platform_spec=spec.platform_spec(tasks, config.kubeflow),
        parameters=declared,
        manifest={
            "name": config.name,
            "made_by": sdk,
            "tfx": tfx_version.__version__,
            "image": config.kubeflow.image,
            "minimum_backend": spec.minimum_backend(config.kubeflow),
            "parameters": {p.name: {"type": p.type, "default": p.default} for p in declared},
            "nodes": {
                name: {"sha256": ir.digest_of(text), "bytes": len(text), "code": code[name]}
                for name, text in packed.items()
            },
        },
    )


def _require_absolute(backbone: str) -> None:
    """A pod works in a folder of its own; its files are the image's, or a volume's."""
    if backbone == SCRATCH or not sources.is_path(backbone):
        return
    if not Path(backbone).is_absolute():
        raise ConfigError(
            "model.backbone must be an absolute path where pods run, in the image or on a volume. "
            f"Received: {backbone}."
        )


def _require_no_docker(config: Config) -> None:
    if config.serving_check.server == "docker" and not config.kubeflow.infra_validator:
        raise ConfigError(
            "serving_check.server=docker is for bitpipe run: there is no Docker in a pod. Set "
            "kubeflow.infra_validator to TensorFlow Serving's image, which is then started in a "
            "pod of its own, or serving_check.server=embedded."
        )


def ir_text(config: Config) -> str:
    """TFX's intermediate representation of what `compile_pipeline` compiles, for people to diff."""
    pipeline = dag.compile_ir(dag.build(config, _places(config.kubeflow), None, _late(config)))
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(deployment)
    pipeline.ClearField("deployment_config")
    return (
        f"{text_format.MessageToString(pipeline)}\n# Deployment\n"
        f"{json_format.MessageToJson(deployment, sort_keys=True)}\n"
    )


def compile_vertex(config: Config) -> str:
    """The same graph as JSON for Vertex AI Pipelines, by TFX's own runner.

    Raises:
        ConfigError: the image or a place is missing, or TFX cannot compile the graph.
    """
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as runner

    require_places(config.kubeflow)
    if not config.kubeflow.data:
        raise ConfigError("kubeflow.data must name the data folder for the target vertex.")
    pipeline = dag.build(config, _places(config.kubeflow, config.kubeflow.data), None)
    settings = runner.KubeflowV2DagRunnerConfig(default_image=config.kubeflow.image)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.json"
        runner.KubeflowV2DagRunner(settings, output_filename=str(path)).run(pipeline)
        return path.read_text(encoding="utf-8")


def _variant(config: Config) -> str:
    return networks.variant_of(config.model.backbone, config.model.variant)


def stage_of(node_id: str) -> str:
    """`StatisticsGen` -> `statistics_gen`, the name of its settings."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", node_id).lower()


def _task(
    node: pipeline_pb2.PipelineNode,
    packed: str,
    code: str,
    settings: KubeflowSettings,
    types: Mapping[str, str],
) -> spec.Task:
    waits_for = ir.runtime_parameters(node) - {PIPELINE_RUN_ID_PARAMETER_NAME}
    needed = tuple(
        source
        for name, sources in parameters.SOURCES.items()
        if name in waits_for
        for source in sources
    )
    return spec.Task(
        name=_task_name(node.node_info.id),
        command=(*_PROGRAM, "pipeline.kubeflow.task.entrypoint"),
        args=(
            f"--node={packed}",
            f"--sha256={ir.digest_of(packed)}",
            f"--tfx={tfx_version.__version__}",
            f"--code={code}",
            *_common(settings),
            *(f"--param={name}={types[name]}:{spec.input_of(name)}" for name in needed),
        ),
        parameters=needed,
        after=tuple(_task_name(upstream) for upstream in node.upstream_nodes),
        resources=_with_image(settings.resources(stage_of(node.node_info.id)), settings),
        env=tuple(settings.env.items()),
    )


def _report(config: Config, after: str) -> spec.Task:
    settings = config.kubeflow
    told = Told(
        name=config.name,
        data=packed.DATA,
        command=f"bitpipe submit, with the configuration below and --param data={packed.DATA}",
        settings=tuple(
            Setting(key, value, "the compiled pipeline") for key, value in rendering.values(config)
        ),
    )
    return spec.Task(
        name=REPORT_TASK,
        command=(*_PROGRAM, "pipeline.kubeflow.task.report"),
        args=(
            *_common(settings),
            f"--report={spec.REPORT_ARGUMENT}",
            f"--told={packed.pack(told)}",
            f"--data={spec.input_of('data')}",
        ),
        parameters=("data",),
        after=(after,),
        resources=_with_image(settings.resources(REPORT_TASK), settings),
        env=tuple(settings.env.items()),
        reports=True,
    )


def _gate(settings: KubeflowSettings, after: str) -> spec.Task:
    return spec.Task(
        name=GATE_TASK,
        command=(*_PROGRAM, "pipeline.kubeflow.task.verdict"),
        args=_common(settings),
        parameters=(),
        after=(after,),
        # A verdict does not change by asking again.
        resources=msgspec.structs.replace(
            _with_image(settings.resources("resolver"), settings), retries=0
        ),
        env=tuple(settings.env.items()),
    )


def _common(settings: KubeflowSettings) -> tuple[str, ...]:
    return (
        f"--run-id={spec.RUN_ID_ARGUMENT}",
        f"--summary={spec.SUMMARY_ARGUMENT}",
        *([f"--metadata={settings.metadata}"] if settings.metadata else []),
    )


def _with_image(resources: Resources, settings: KubeflowSettings) -> Resources:
    return msgspec.structs.replace(resources, image=resources.image or settings.image)


def _task_name(node_id: str) -> str:
    return stage_of(node_id).replace("_", "-")


def _places(settings: KubeflowSettings, data: str | None = None) -> dag.Places:
    late = RuntimeParameter(parameters.DATA, ptype=str)
    return dag.Places(data or late, settings.root.rstrip("/"), settings.serving.rstrip("/"))


def _late(config: Config) -> dag.Late:
    return dag.Late(
        steps=RuntimeParameter(parameters.STEPS, ptype=int),
        gate=RuntimeParameter(parameters.GATE, ptype=str),
        range_config=RuntimeParameter(parameters.RANGE_CONFIG, ptype=str)
        if config.data.has_spans
        else None,
    )
