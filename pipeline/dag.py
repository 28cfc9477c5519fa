"""The graph, top to bottom: one TFX pipeline for the laptop and the cluster."""

from __future__ import annotations

import dataclasses

import msgspec
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components import (
    InfraValidator,
    SchemaGen,
    StatisticsGen,
    Trainer,
    Transform,
)
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import infra_validator_pb2, range_config_pb2, trainer_pb2
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.channel import BaseChannel

from bitpipe.beam import ALL_CORES
from components import features
from components.code_version import code_version
from components.data_checks.component import ExampleValidator
from components.gate.baseline import MODEL
from components.gate.calibration.component import Calibrator
from components.gate.calibration.executor import CALIBRATED
from components.gate.component import Evaluator
from components.hyperparameters import HyperRule
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.options import IngestOptions
from components.image_example_gen.settings import DataSettings
from components.release.component import Pusher
from components.serving_check.component import ServingCheck
from pipeline import earlier_models, stage_code, stages
from pipeline.settings import beam as engine
from pipeline.settings.config import Config

# From a new node that has to pull the image of TensorFlow Serving to a loaded model.
_MAX_LOADING_S = 900


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a run reads and writes; local paths or URLs that TFX's file systems know.

    Attributes:
        data: a folder per class, or spans of them (`data.pattern`).
        root: artifacts of all stages.
        serving: parent of the model folders that a server watches.
    """

    data: str | RuntimeParameter
    root: str
    serving: str


@dataclasses.dataclass(frozen=True)
class Late:
    """What is not known before a run starts, where one graph serves many runs.

    Attributes:
        steps: training steps, 0 for the HyperRule's.
        gate: JSON of the gate's settings that a run brings.
        range_config: JSON of TFX's choice of a span; `None` for the latest.
    """

    steps: RuntimeParameter
    gate: RuntimeParameter
    range_config: RuntimeParameter | None


def build(
    config: Config,
    places: Places,
    metadata: metadata_store_pb2.ConnectionConfig | None,
    late: Late | None = None,
) -> Pipeline:
    """The pipeline for a configuration.

    Args:
        config: decides all but what is in `late`.
        places: where it reads and writes.
        metadata: ML Metadata's place; `None` on a cluster, where each stage is told.
        late: what a run brings; `None` where the configuration says it all.
    """
    eval_percent = round(100 * config.data.eval_share)

    example_gen = ImageExampleGen(
        input_base=places.data,
        # Hash buckets: an image stays on its side when others are added.
        splits={"train": 100 - eval_percent, "eval": eval_percent},
        pattern=config.data.pattern,
        range_config=late.range_config if late else _latest_spans(config.data),
        options=_ingest_options(config.data),
    )
    if config.beam.runner == "local":  # no property: the examples are the same with any number
        workers = f"--direct_num_workers={config.data.workers or ALL_CORES}"
        example_gen.with_beam_pipeline_args([workers])
    examples = example_gen.outputs["examples"]

    statistics_gen = StatisticsGen(examples=examples, stats_options=_statistics_options())
    statistics = statistics_gen.outputs["statistics"]

    # Inferred from the training split alone, so that the validator can find what only others have.
    # There is a split `test` where the data bring one; neither training nor the gate reads it.
    schema_gen = SchemaGen(statistics=statistics, exclude_splits=["eval", "test"])
    schema = schema_gen.outputs["schema"]

    hyper_rule = HyperRule(
        statistics=statistics,
        settings=msgspec.json.encode(config.train).decode(),
        steps=late.steps if late else 0,
        longest_side=config.data.longest_side or 0,
    )

    example_validator = ExampleValidator(
        statistics=statistics,
        schema=schema,
        examples=examples,
        hyperparameters=hyper_rule.outputs["hyperparameters"],
        checks=config.checks,
        folder=f"{places.serving}/{config.name}",
    )

    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.preprocessing.preprocessing_fn",
        # The trainer applies the graph once and caches: materialised pictures would cost 3 bytes a
        # pixel.
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    # Known only when the facts are; the constructor takes a dictionary, so it is set behind it.
    transform.spec.exec_properties["custom_config"] = (
        hyper_rule.outputs["transform_config"].future()[0].value
    )

    # What the checks refuse is not trained on.
    transform.add_upstream_node(example_validator)

    versions = f"{places.serving}/{config.name}"
    training = {
        "model": msgspec.to_builtins(config.model),
        "train": msgspec.to_builtins(config.train),
        "export": msgspec.to_builtins(config.export),
        "checkpoints": f"{places.root}/checkpoints",
        "features": f"{places.root}/features",
        # Of what prepares a picture, and of what the network makes of it.
        "features_code": "-".join(
            map(code_version, ("components.preprocessing", "components.bit.resnet_v2"))
        ),
        # In the cache key anyway; here, so that checkpoints of other code are not continued.
        "code_version": code_version("components.trainer"),
    }
    read = {
        "examples": examples,
        "transform_graph": transform.outputs["transform_graph"],
        "hyperparameters": hyper_rule.outputs["hyperparameters"],
    }
    starts = (
        [earlier_models.to_start_from(versions, training, read)]
        if config.train.warm_start == "served"
        else []
    )
    trainer = Trainer(
        run_fn="components.trainer.run_fn",
        base_model=starts[0].outputs[MODEL] if starts else None,
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config=training,
        **read,
    )
    # Copies the model to set its numbers, so it is there where there are some to be set.
    calibrators = (
        [Calibrator(model=trainer.outputs["model"], examples=examples, gate=config.gate)]
        if config.gate.changes_model
        else []
    )
    # What is judged is what is pushed.
    model = calibrators[0].outputs[CALIBRATED] if calibrators else trainer.outputs["model"]

    resolver = (
        earlier_models.latest_blessed()
        if config.kubeflow.target == "vertex"
        else earlier_models.to_compare_with(versions, model)
    )

    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs[MODEL],
        gate=config.gate,
        gate_of_run=late.gate if late else None,
        schema=schema,
    )

    # Who vouches for its being servable: the Pusher hears one. TFX's own starts a pod, so it runs
    # inside a cluster only.
    checks: list[BaseComponent] = []
    if late and config.kubeflow.infra_validator:
        checks.append(_infra_validator(model, config.kubeflow.infra_validator))
    elif config.serving_check.server != "off":
        checks.append(
            ServingCheck(
                model=model,
                examples=examples,
                model_run=trainer.outputs["model_run"],
                settings=config.serving_check,
            )
        )
    push = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=checks[0].outputs["blessing"] if checks else None,
        folder=versions,
        examples=examples,
        evaluation=evaluator.outputs["evaluation"],
        backbone=config.model.backbone,
        code=code_version("components.trainer"),
        keep_versions=config.keep_versions,
    )

    components = [
        example_gen,
        statistics_gen,
        schema_gen,
        hyper_rule,
        example_validator,
        transform,
        *starts,
        trainer,
        *calibrators,
        resolver,
        evaluator,
        *checks,
        push,
    ]
    for component in components:
        # A Resolver is none: it is never cached, and its properties are its class's.
        if isinstance(component, BaseComponent):
            stage_code.add_to_key(component)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=places.root,
        components=components,
        enable_cache=True,
        metadata_connection_config=metadata,
        beam_pipeline_args=engine.options(config.beam),
    )


def _infra_validator(model: BaseChannel, image: str) -> InfraValidator:
    """Loads the model in TensorFlow Serving. Sends no pictures: TFX would send tf.Examples."""
    served = infra_validator_pb2.TensorFlowServing()
    if "@" in image:
        served.image_name, digest = image.split("@")
        served.digests.append(digest)
    else:
        served.image_name, _, tag = image.rpartition(":")
        served.tags.append(tag)
    return InfraValidator(
        model=model,
        serving_spec=infra_validator_pb2.ServingSpec(
            tensorflow_serving=served,
            kubernetes=infra_validator_pb2.KubernetesConfig(),
        ),
        validation_spec=infra_validator_pb2.ValidationSpec(
            max_loading_time_seconds=_MAX_LOADING_S, num_tries=2
        ),
    )


def _ingest_options(data: DataSettings) -> IngestOptions:
    return IngestOptions(
        max_pixels=int(data.max_megapixels * 1e6),
        max_rejected_share=data.max_rejected_share,
        max_rejected=-1 if data.max_rejected is None else data.max_rejected,
        source=data.source,
        group=data.group or "",
        image_feature=data.image_feature or "",
        label_feature=data.label_feature or "",
        duplicates=data.duplicates,
        conflicts=data.conflicts,
        allow_truncated=data.allow_truncated,
        longest_side=data.longest_side or 0,
    )


def _latest_spans(data: DataSettings) -> range_config_pb2.RangeConfig | None:
    if not data.has_spans:
        return None
    latest = range_config_pb2.RollingRange(num_spans=data.span_window)
    return range_config_pb2.RangeConfig(rolling_range=latest)


def _statistics_options() -> tfdv.StatsOptions:
    """Counts the pictures without looking into them: TFDV skips the bytes of an image domain."""
    schema = text_format.Parse(
        f'feature {{ name: "{features.IMAGE}" type: BYTES image_domain {{}} }}', schema_pb2.Schema()
    )
    return tfdv.StatsOptions(schema=schema)


def compile_ir(pipeline: Pipeline) -> pipeline_pb2.Pipeline:
    """TFX's intermediate representation of the pipeline, ready to run node by node.

    The Pusher is not cached: what a server is given now is no input that TFX's cache could know,
    and its executor does nothing when the model is already there.
    """
    for component in pipeline.components:
        # As TFX's own runners do: turns module files, where there are any, into packages.
        if isinstance(component, BaseComponent):
            component._resolve_pip_dependencies(pipeline.pipeline_info.pipeline_root)
    ir = Compiler().compile(pipeline)
    for node in ir.nodes:
        if node.pipeline_node.node_info.id == stages.PUSHER:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    return ir
