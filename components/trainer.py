"""The Trainer's entry point: adapts a BiT network by the HyperRule and exports it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import msgspec
import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.model.training import Training
from components import preprocessing, progress
from components.bit import hyperrule, networks, packaged, resnet_v2, weights
from components.bit.hyperrule import HyperRule
from components.settings import (
    OF_A_SCHEDULE,
    SCRATCH,
    ExportSettings,
    ModelSettings,
    TrainSettings,
)
from components.training import (
    checkpoints,
    devices,
    loop,
    own_answers,
    phases,
    planning,
    probe,
    served_model,
    served_precision,
    warm_start,
)
from components.training.frozen import Frozen, is_mirrored
from components.training.method import BOTH, PROBE
from components.training.selection import class_weights, select


def run_fn(fn_args: Any) -> None:
    """Called by TFX's Trainer (`run_fn="components.trainer.run_fn"`).

    Reads from `fn_args`: train_files, eval_files (only to write down answers for the serving
    check), transform_graph_path, hyperparameters (what the HyperRule stage wrote), custom_config
    (`model`, `train` and `export`, see components.settings; `checkpoints` and `features`, folders
    for those of all runs; `features_code`, see `components.training.features.identity`), base_model
    (the model in service, where `train.warm_start` asks for it and there is one). Writes
    serving_model_dir and model_run_dir.
    """
    config = fn_args.custom_config
    model_settings = msgspec.convert(config["model"], ModelSettings)
    settings = msgspec.convert(config["train"], TrainSettings)
    variant = networks.variant_of(model_settings.backbone, model_settings.variant)
    strategy = devices.strategy(settings.distribution)  # first: workers must find each other
    rule = msgspec.convert(fn_args.hyperparameters["rule"], HyperRule)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    class_names = [name.decode() for name in transform.vocabulary_by_name(preprocessing.VOCABULARY)]
    files = sorted(tf.io.gfile.glob(fn_args.train_files))
    selection = select(files, settings)
    pictures_per_class = selection.num_trained / len(class_names)
    weighted = settings.class_weights == "balanced"
    loss_weights = class_weights(selection, class_names) if weighted else None
    if settings.keep_best and not selection.num_held_out:
        progress.say(loop.STAGE, "no class has two pictures: train.keep_best has none to hold out")

    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        model = resnet_v2.build(
            variant,
            num_classes=len(class_names),
            dtype=devices.policy(settings.precision, strategy),
        )
        if model_settings.backbone != SCRATCH:
            with packaged.offered(packaged.FOR_A_RUN):
                weights.load(model, model_settings.backbone, trusted=model_settings.trust_backbone)
        start = _start(model, fn_args.base_model, class_names, variant, rule, settings)
    job = planning.Job(
        model=model,
        pretrained=start is not None or model_settings.backbone != SCRATCH,
        rule=rule,
        head_rules=_head_rules(
            rule,
            selection.num_trained + selection.num_held_out,
            fn_args.hyperparameters["overridden"],
            settings,
        ),
        settings=settings,
        strategy=strategy,
        freeze=lambda folder: Frozen(
            model,
            files,
            transform,
            selection,
            class_names,
            size=rule.eval_size,
            # One that was trained on mirror images answers them alike (docs/results.md).
            mirrored=folder is None and is_mirrored(settings.label_safe, pictures_per_class),
            kept_in=folder or config["features"],
            code=config["features_code"],
        ),
        checkpoint_dir=checkpoints.folder(
            config["checkpoints"],
            files,
            fn_args.transform_graph_path,
            fn_args.hyperparameters,
            {key: value for key, value in config.items() if key != "export"},
            fn_args.base_model,
        ),
        pictures_per_class=pictures_per_class,
    )
    choice = planning.plan(job)
    pictures = phases.Pictures(files, transform, selection, class_names, loss_weights)
    trained = phases.train(job, choice, pictures, fn_args.model_run_dir)
    if devices.is_chief():
        # Of no strategy, and in float32: the export decides what it computes in.
        served = resnet_v2.build(variant, len(class_names), dtype="float32")
        served.set_weights(model.get_weights())
        phases.check_answers(served, trained.rule)
        export = msgspec.convert(config["export"], ExportSettings)
        precision = served_precision.choose(
            export.precision, served, trained.rule.eval_size, strategy
        )
        exported = served_model.ServedModel(served, transform, class_names, precision)
        judged = [file for pattern in fn_args.eval_files for file in tf.io.gfile.glob(pattern)]
        own_answers.write(fn_args.model_run_dir, own_answers.ask(exported, judged))
        served_model.export(
            exported,
            fn_args.serving_model_dir,
            Training(
                method=choice.method,
                reason=choice.reason,
                start=str(start or f"training starts from {model_settings.backbone}"),
                trained=selection.num_trained,
                held_out=selection.num_held_out,
                best_step=trained.best_step,
                curve=trained.curve,
            ),
        )
    trained.discard()


def _start(
    model: keras.Model,
    served: str | None,
    class_names: list[str],
    variant: str,
    rule: HyperRule,
    settings: TrainSettings,
) -> warm_start.Start | None:
    """Lets the network start from the model in service where that is asked for, and says so."""
    if settings.warm_start != "served":
        return None
    if not served:
        progress.say(
            loop.STAGE,
            "train.warm_start=served: no other model is in service, so training starts from "
            "model.backbone",
        )
        return None
    start = warm_start.load(model, served, class_names, variant=variant, size=rule.eval_size)
    progress.say(loop.STAGE, str(start))
    return start


def _head_rules(
    rule: HyperRule, num_examples: int, overridden: Sequence[str], settings: TrainSettings
) -> dict[str, HyperRule]:
    """The rule of a head by method: what is overridden is meant for the whole network.

    A head takes the schedule of the rule, of 512 pictures, whatever the whole network is given; but
    for one that was asked for by name, of which it can be meant.

    Args:
        rule: of the whole network, overrides applied.
        num_examples: that were drawn of the training split.
        overridden: fields of the rule that were.
        settings: the method.
    """
    own = hyperrule.for_dataset(num_examples, rule.crop * rule.crop)
    own = dataclasses.replace(own, resize=rule.resize, crop=rule.crop, eval_size=rule.eval_size)
    own = probe.rule_for(own, rate_is_given=False)
    if settings.method != PROBE or set(OF_A_SCHEDULE).isdisjoint(overridden):
        return {PROBE: own, BOTH: own}
    return {PROBE: probe.rule_for(rule, rate_is_given="learning_rate" in overridden), BOTH: own}
