"""One worker of test_multi_worker.py: a process of its own that trains as the Trainer does.

Arguments: folder of the transform output, folder of this worker, runs as JSON (see `Run`), training
files. TF_CONFIG tells which worker it is. Prints "name step" after every step and the message of a
run that is refused.
"""

import os
import signal
import sys
from pathlib import Path

import keras
import msgspec
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.errors import ConfigError
from components import progress
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import devices, fine_tuning, inputs
from pipeline import interruption
from tests.components.training import small

RULE = HyperRule(
    steps=6,
    warmup_steps=1,
    boundaries=(4,),
    # Low: a trained network of ReLUs doubles a difference in the last digit every few steps.
    learning_rate=0.001,
    batch_size=8,
    resize=20,
    crop=16,
    eval_size=16,
    mixup_alpha=0.1,
)
SETTINGS = TrainSettings(checkpoint_every=2)


class Run(msgspec.Struct):
    """A call of `fine_tuning.fine_tune`."""

    name: str
    checkpoints: str
    ends_after: int = 0  # the step after which the process gets a signal


def train(
    run: Run,
    strategy: tf.distribute.Strategy,
    transform: tft.TFTransformOutput,
    files: list[str],
    folder: Path,
) -> None:
    """Writes `folder`/NAME.npz, the weights, and `folder`/NAME, the curves."""

    def batches(start_step: int) -> tf.data.Dataset:
        return inputs.training_dataset(
            files,
            transform,
            RULE,
            SETTINGS,
            num_examples=33,
            cache_dir=folder,
            start_step=start_step,
        )

    def after(stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        print(run.name, done, flush=True)
        if done == run.ends_after:
            os.kill(os.getpid(), signal.SIGTERM)

    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = small.build(3)
    with progress.listen(after):
        finished = fine_tuning.fine_tune(
            model,
            batches,
            RULE,
            SETTINGS,
            strategy=strategy,
            checkpoint_dir=run.checkpoints,
            log_dir=str(folder / run.name),
        )
    np.savez(folder / f"{run.name}.npz", *model.get_weights())
    finished.discard()


def main() -> None:
    transform_dir, folder, runs, *files = sys.argv[1:]
    strategy = devices.strategy("multi_worker")
    transform = tft.TFTransformOutput(transform_dir)
    for run in msgspec.json.decode(runs, type=list[Run]):
        try:
            train(run, strategy, transform, files, Path(folder))
        except ConfigError as error:
            print(error, flush=True)


if __name__ == "__main__":
    with interruption.ends_process():
        main()
