"""A run of test_checkpoints.py, in a process that may be killed.

Arguments: folder of checkpoints, file for the weights, step after which it is killed, or 0. Prints
each step.
"""

import os
import signal
import sys

import keras
import numpy as np
import tensorflow as tf

from components import progress
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import fine_tuning
from tests.components.training import small

RULE = HyperRule(
    steps=6,
    warmup_steps=1,
    boundaries=(4,),
    learning_rate=0.02,
    batch_size=4,
    resize=32,
    crop=32,
    eval_size=32,
    mixup_alpha=0.0,
)


def main(folder: str, weights: str, killed_at: str) -> None:
    keras.utils.set_random_seed(0)
    model = small.build(2)
    rng = np.random.default_rng(0)
    labels = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 24)]
    pictures = tf.data.Dataset.from_tensor_slices((rng.random((24, 32, 32, 3), np.float32), labels))

    def after(stage: str, done: int, total: int, metrics: dict[str, float]) -> None:
        print(done, flush=True)
        if done == int(killed_at):
            os.kill(os.getpid(), signal.SIGKILL)

    with progress.listen(after):
        finished = fine_tuning.fine_tune(
            model,
            pictures.batch(4, drop_remainder=True).skip,
            RULE,
            TrainSettings(checkpoint_every=2),
            checkpoint_dir=folder,
        )
    np.savez(weights, *model.get_weights())
    finished.discard()


if __name__ == "__main__":
    main(*sys.argv[1:])
