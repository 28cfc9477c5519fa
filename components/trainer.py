"""The Trainer's entry point: fine-tunes a BiT network by the HyperRule and exports it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components import inputs, preprocessing, progress, signatures
from components.accumulation import AccumulatingModel
from components.bit import resnet_v2, weights
from components.bit.hyperrule import HyperRule
from components.bit.schedule import WarmupStaircase
from components.errors import TrainingError
from components.settings import ModelSettings, TrainSettings

STAGE = "Trainer"
SCRATCH = "scratch"

# Keras averages metrics since the last reset; a window this long follows the training without
# jumping.
_METRIC_WINDOW_STEPS = 20


def run_fn(fn_args: Any) -> None:
    """Called by TFX's Trainer (`run_fn="components.trainer.run_fn"`).

    Reads from `fn_args`: train_files, transform_graph_path, hyperparameters (what the HyperRule
    stage wrote), custom_config (`model` and `train`, see components.settings). Writes
    serving_model_dir.
    """
    model_settings = msgspec.convert(fn_args.custom_config["model"], ModelSettings)
    train_settings = msgspec.convert(fn_args.custom_config["train"], TrainSettings)
    rule = msgspec.convert(fn_args.hyperparameters["rule"], HyperRule)
    num_examples = fn_args.hyperparameters["facts"]["num_examples"]
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    class_names = [name.decode() for name in transform.vocabulary_by_name(preprocessing.VOCABULARY)]

    keras.utils.set_random_seed(train_settings.seed)
    with tempfile.TemporaryDirectory(prefix="bitpipe-cache-") as cache_dir:
        dataset = inputs.training_dataset(
            tf.io.gfile.glob(fn_args.train_files),
            transform,
            rule,
            train_settings,
            num_examples=num_examples,
            cache_dir=Path(cache_dir),
        )
        model = resnet_v2.build(model_settings.variant, num_classes=len(class_names))
        if model_settings.backbone != SCRATCH:
            weights.load(model, model_settings.backbone, head=False)
        fine_tune(
            model,
            dataset,
            rule,
            micro_batch_size=train_settings.micro_batch_size,
            log_dir=fn_args.model_run_dir,
        )
    served = signatures.ServedModel(model, transform, class_names)
    signatures.export(served, fn_args.serving_model_dir)


def fine_tune(
    model: keras.Model,
    dataset: tf.data.Dataset,
    rule: HyperRule,
    *,
    micro_batch_size: int | None = None,
    log_dir: str | None = None,
) -> None:
    """Trains all of `model` for `rule.steps` steps: SGD, momentum 0.9, softmax cross-entropy.

    Args:
      model: gives logits (B, classes).
      dataset: endless batches of (images, one-hot labels).
      rule: steps and learning rate.
      micro_batch_size: pictures that are in memory with their activations at a time; divides the
        rule's batch size. `None` for the whole batch.
      log_dir: where TensorBoard finds loss and accuracy.

    Raises:
      TrainingError: the loss stopped being a finite number.
    """
    if micro_batch_size is not None and micro_batch_size < rule.batch_size:
        model = AccumulatingModel(model, micro_batch_size)
    model.compile(
        optimizer=keras.optimizers.SGD(WarmupStaircase.from_rule(rule), momentum=0.9),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    callbacks: list[keras.callbacks.Callback] = [_Reporter(rule)]
    if log_dir is not None:
        callbacks.append(keras.callbacks.TensorBoard(log_dir, update_freq=_METRIC_WINDOW_STEPS))
    model.fit(dataset, steps_per_epoch=rule.steps, epochs=1, verbose=0, callbacks=callbacks)


class _Reporter(keras.callbacks.Callback):
    """Tells the progress hook loss, accuracy and speed, and stops a diverged run."""

    def __init__(self, rule: HyperRule) -> None:
        super().__init__()
        self._rule = rule
        self._started = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        step = batch + 1
        loss = float((logs or {})["loss"])
        if not np.isfinite(loss):
            raise TrainingError(
                f"training diverged: the loss is {loss} at step {step} of {self._rule.steps}. "
                f"Lower train.learning_rate (now {self._rule.learning_rate:g})."
            )
        # The first step compiles the graph; counting it would spoil images/s and the ETA.
        if step == 1:
            self._started = time.monotonic()
        elapsed = time.monotonic() - self._started
        speed = batch * self._rule.batch_size / elapsed if batch else 0.0
        progress.report(
            STAGE,
            step,
            self._rule.steps,
            loss=loss,
            accuracy=float((logs or {})["accuracy"]),
            images_per_s=speed,
        )
        if step % _METRIC_WINDOW_STEPS == 0 and step < self._rule.steps:
            self.model.reset_metrics()
