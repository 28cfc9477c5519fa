"""What training takes on this machine's CPU, roughly, before there is anything to train on."""

from __future__ import annotations

import os

import tensorflow as tf

from components.bit import packaged, resnet_v2, variants
from components.bit.hyperrule import HyperRule
from components.settings import SCRATCH, ModelSettings, TrainSettings
from components.training import features, pace
from components.training.durations import in_words
from components.training.method import BOTH, PROBE

# No core is faster: two multiplications of 16 numbers each, 4.7e9 times a second. Below what that
# takes, nothing is measured.
_MOST_PER_CORE_S = 150e9
# A larger network is measured by this one: it takes seconds, and no memory to speak of.
_LARGEST_MEASURED = "R50x1"
_PICTURES = 2
# BiT-M was pre-trained at it.
_SMALL_PX, _SMALL_RESIZE_PX = 224, 256
# `photos`: see its file. A small network takes twice as long for a multiplication, and decoding
# counts (docs/results.md).
_PACKAGED_PX, _PACKAGED_COST = 192, 2.0


def sentence(
    variant: str, model: ModelSettings, train: TrainSettings, rule: HyperRule, pictures: int
) -> str | None:
    """How long training takes at least, and which settings take less; None where it is not long.

    Measures a few pictures, but only where no CPU of so many cores could be fast enough.

    Args:
        variant: of the network.
        model: where its weights come from.
        train: what is to be trained.
        rule: steps, batch and size.
        pictures: to be trained on, about.
    """
    operations = _operations(variant, train, rule, pictures)
    method = train.method if train.method != "auto" else "fine_tune"
    patience_s = pace.patience_s(train)
    cores = len(os.sched_getaffinity(0))
    if operations[method] / (cores * _MOST_PER_CORE_S) < patience_s:
        return None
    per_s = _measured(variant, rule.crop)
    seconds = {name: count / per_s for name, count in operations.items()}
    if method == PROBE:
        text = f"{method} will take about {in_words(seconds[method])} here: {pictures:,} pictures"
    else:
        text = f"{method} would take at least {in_words(seconds[method])} here: {rule.steps:,} "
        text += f"steps of {rule.batch_size} pictures"
    text += f" at {rule.crop} px"
    if train.method == "auto":
        text += "; train.method=auto will measure, and take what fits"
    faster = {}
    if model.backbone != SCRATCH:
        small = f"--set train.crop={_SMALL_PX} --set train.resize={_SMALL_RESIZE_PX}"
        shrunk = min(1.0, (_SMALL_PX / rule.crop) ** 2)
        faster = {
            "--set train.method=probe": seconds[PROBE],
            f"--set train.method=probe {small}": shrunk * seconds[PROBE],
            "--config photos": _packaged(train, pictures) / per_s,
        }
    offers = [
        f"{option} (about {in_words(took)})"
        for option, took in sorted(faster.items(), key=lambda item: item[1])
        if took < seconds[method] / 2
    ]
    return f"{text}. Faster: {', '.join(offers)}" if offers else text


def _operations(
    variant: str, train: TrainSettings, rule: HyperRule, pictures: int
) -> dict[str, float]:
    """Multiplications of each method."""
    of_picture = variants.get(variant).multiplications(rule.crop)
    probe = float(_views(train) * pictures * of_picture)
    fine_tune = pace.of_fine_tuning(rule, pace.LEAST_GRADIENT_COST * of_picture)
    return {PROBE: probe, "fine_tune": fine_tune, BOTH: probe + fine_tune}


def _packaged(train: TrainSettings, pictures: int) -> float:
    small = variants.get(packaged.SOURCES[packaged.BACKBONE].variant)
    return _PACKAGED_COST * _views(train) * pictures * small.multiplications(_PACKAGED_PX)


def _views(train: TrainSettings) -> int:
    return 1 + train.label_safe.flip


def _measured(variant: str, size: int) -> float:
    """Multiplications a second of an untrained network."""
    largest, of_run = variants.get(_LARGEST_MEASURED), variants.get(variant)
    measured = min(largest, of_run, key=lambda one: one.multiplications(size))
    network = features.network(resnet_v2.build(measured))
    forward = tf.function(lambda images: network(images, training=False))
    images = tf.random.uniform((_PICTURES, size, size, 3))
    return _PICTURES * measured.multiplications(size) / pace.seconds(lambda: forward(images))
