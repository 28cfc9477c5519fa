"""The Trainer's entry point: fine-tunes a BiT network by the HyperRule and exports it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.errors import ConfigError, TrainingError
from components import preprocessing, progress
from components.bit import networks, resnet_v2, weights
from components.bit.hyperrule import HyperRule
from components.bit.schedule import WarmupStaircase
from components.settings import SCRATCH, ModelSettings, TrainSettings
from components.training import checkpoints, devices, inputs, loop, memory, served_model
from components.training.step import TrainingStep

_log = logging.getLogger(__name__)


def run_fn(fn_args: Any) -> None:
    """Called by TFX's Trainer (`run_fn="components.trainer.run_fn"`).

    Reads from `fn_args`: train_files, transform_graph_path, hyperparameters (what the HyperRule
    stage wrote), custom_config (`model` and `train`, see components.settings; `checkpoints`, a
    folder for those of all runs). Writes serving_model_dir.
    """
    model_settings = msgspec.convert(fn_args.custom_config["model"], ModelSettings)
    settings = msgspec.convert(fn_args.custom_config["train"], TrainSettings)
    variant = networks.variant_of(model_settings.backbone, model_settings.variant)
    strategy = devices.strategy(settings.distribution)  # first: workers must find each other
    rule = msgspec.convert(fn_args.hyperparameters["rule"], HyperRule)
    num_examples = fn_args.hyperparameters["facts"]["num_examples"]
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    class_names = [name.decode() for name in transform.vocabulary_by_name(preprocessing.VOCABULARY)]
    files = sorted(tf.io.gfile.glob(fn_args.train_files))

    keras.utils.set_random_seed(settings.seed)
    with tempfile.TemporaryDirectory(prefix="bitpipe-cache-") as cache_dir:

        def batches(start_step: int) -> tf.data.Dataset:
            return inputs.training_dataset(
                files,
                transform,
                rule,
                settings,
                num_examples=num_examples,
                cache_dir=Path(cache_dir),
                start_step=start_step,
            )

        with strategy.scope():
            model = resnet_v2.build(
                variant,
                num_classes=len(class_names),
                dtype=devices.policy(settings.precision, strategy),
            )
            if model_settings.backbone != SCRATCH:
                weights.load(model, model_settings.backbone, trusted=model_settings.trust_backbone)
        finished = fine_tune(
            model,
            batches,
            rule,
            settings,
            strategy=strategy,
            checkpoint_dir=checkpoints.folder(
                fn_args.custom_config["checkpoints"],
                files,
                fn_args.transform_graph_path,
                fn_args.hyperparameters,
                fn_args.custom_config,
            ),
            log_dir=fn_args.model_run_dir,
        )
    if devices.is_chief():
        # Served in float32, on one device.
        served = resnet_v2.build(variant, len(class_names), dtype="float32")
        served.set_weights(model.get_weights())
        check_answers(served, rule)
        served_model.export(
            served_model.ServedModel(served, transform, class_names), fn_args.serving_model_dir
        )
    finished.discard()


def fine_tune(
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    rule: HyperRule,
    settings: TrainSettings,
    *,
    checkpoint_dir: str,
    strategy: tf.distribute.Strategy | None = None,
    log_dir: str | None = None,
) -> checkpoints.Checkpoints:
    """Trains all of `model` for `rule.steps` steps: SGD, momentum 0.9, softmax cross-entropy.

    Goes on from the checkpoint in `checkpoint_dir`, if there is one.

    Args:
        model: of `resnet_v2.build` under the strategy's scope; gives logits (B, classes).
        batches: gives endless batches of (images, one-hot labels), without the first so many.
        rule: steps, batch size and learning rate.
        settings: micro-batch, compilation and checkpoints.
        checkpoint_dir: where checkpoints are written and looked for.
        strategy: devices; `None` for the one in scope.
        log_dir: where TensorBoard finds loss and accuracy, written by the chief.

    Returns:
        The run's checkpoints, to be discarded when the model is safe.

    Raises:
        ConfigError: the batch cannot be shared by the devices or the micro-batches, or the workers
            do not share `checkpoint_dir`.
        TrainingError: the loss stopped being a finite number, the memory is too small, or another
            worker is gone.
    """
    strategy = strategy or tf.distribute.get_strategy()
    micro_batch_size = _micro_batch_size(model, rule, settings, strategy)
    with strategy.scope():
        optimizer: keras.optimizers.Optimizer = keras.optimizers.SGD(
            WarmupStaircase.from_rule(rule), momentum=0.9
        )
        if "float16" in {layer.compute_dtype for layer in model.layers}:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    saved = checkpoints.Checkpoints(
        checkpoint_dir,
        model,
        optimizer,
        every=settings.checkpoint_every,
        write=devices.is_chief(),
    )
    start = saved.restore()
    starts = devices.of_all_workers(start, strategy)
    if len(set(starts)) > 1:
        raise ConfigError(
            f"the workers must share the folder of the checkpoints, {checkpoint_dir}. Received: "
            f"checkpoints after steps {starts}. Put pipeline_root where all of them can read."
        )
    if start:
        _log.info("Going on after step %d of %d.", start, rule.steps)
        progress.kept(loop.STAGE, start, rule.steps, resumed=True)
    jit_compile = settings.jit_compile
    if jit_compile is None:  # XLA on a CPU took 1.5 times as long; a TPU's step is compiled anyway
        jit_compile = devices.accelerated(strategy)
    step = TrainingStep(
        model,
        optimizer,
        micro_batch_size=micro_batch_size,
        jit_compile=jit_compile,
        strategy=strategy,
    )

    def after_step(done: int) -> None:
        if saved.after(done):
            progress.kept(loop.STAGE, done, rule.steps)

    wait_share = loop.train(
        step,
        strategy.experimental_distribute_dataset(batches(start)),
        rule,
        start=start,
        after_step=after_step,
        log_dir=log_dir if devices.is_chief() else None,  # all workers would draw the same curve
    )
    _log.info("The devices waited for pictures %.1f %% of the time.", 100 * wait_share)
    return saved


def check_answers(model: keras.Model, rule: HyperRule) -> None:
    """Makes sure that the trained network answers with numbers.

    A step tells its loss before its update, so nothing has told yet what the last one did.

    Raises:
        TrainingError: it does not.
    """
    pictures = np.random.default_rng(0).random((2, rule.crop, rule.crop, 3), np.float32)
    if not np.isfinite(keras.ops.convert_to_numpy(model(pictures, training=False))).all():
        raise TrainingError(
            f"training diverged: the network no longer answers with numbers after step {rule.steps}"
            f", the last. Lower train.learning_rate (now {rule.learning_rate:g})."
        )


def _micro_batch_size(
    model: keras.Model, rule: HyperRule, settings: TrainSettings, strategy: tf.distribute.Strategy
) -> int:
    replicas = strategy.num_replicas_in_sync
    share, rest = divmod(rule.batch_size, replicas)
    if rest:
        raise ConfigError(
            f"train.batch_size must be a multiple of the {replicas} devices. "
            f"Received: {rule.batch_size}. Change it, or set train.distribution=one_device."
        )
    chosen = settings.micro_batch_size
    if chosen is None:
        chosen = memory.micro_batch_size(model, share, rule.crop, memory.available_bytes())
        _log.info("Micro-batches of %d pictures for a device's batch of %d.", chosen, share)
    elif chosen > share:
        chosen = share
    elif share % chosen:
        raise ConfigError(
            f"train.micro_batch_size must divide a device's share of the batch, {share}. "
            f"Received: {chosen}."
        )
    return chosen
