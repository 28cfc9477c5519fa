"""What training takes on this machine's CPU, roughly, before there is anything to train on."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from bitpipe.wording import counted
from components.bit import hyperrule, packaged, resnet_v2, variants
from components.bit.hyperrule import HyperRule
from components.settings import SCRATCH, ModelSettings, TrainSettings
from components.training import cross_validation, features, frozen, pace
from components.training.durations import in_words
from components.training.method import (
    BOTH,
    FEW_PER_CLASS,
    FINE_TUNE,
    PROBE,
    Estimate,
    Facts,
    choose,
)

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
_PACKAGED_PX, _PACKAGED_CROP, _PACKAGED_PASSES, _PACKAGED_MINUTES = 256, 96, 6, 10
_PACKAGED_COST = 2.0


def sentence(
    variant: str,
    model: ModelSettings,
    train: TrainSettings,
    rule: HyperRule,
    pictures: int,
    num_classes: int,
) -> str | None:
    """How long training takes at least, and which settings take less; None where it is not long.

    Measures a few pictures, but only where no CPU of so many cores could be fast enough for the
    method, or for the longest of those that `auto` may take.

    Args:
        variant: of the network.
        model: where its weights come from.
        train: what is to be trained.
        rule: steps, batch and size.
        pictures: to be trained on, about.
        num_classes: of these.
    """
    facts = Facts(
        pretrained=model.backbone != SCRATCH,
        one_machine=True,
        accelerated=False,
        minutes=train.minutes,
        pictures_per_class=pictures / num_classes,
    )
    method: str = train.method
    subject = method
    if is_measured := method == "auto" and facts.budget_s is not None:
        method = BOTH
    elif method == "auto":
        choice = choose(facts, {})
        method = choice.method
        subject = f"train.method=auto takes {method}: {choice.reason}. It"
    job = _Job(variants.get(variant), train, rule, pictures, num_classes)
    operations = job.operations()
    patience_s = pace.patience_s(train)
    cores = len(os.sched_getaffinity(0))
    if operations[method] / (cores * _MOST_PER_CORE_S) < patience_s:
        return None
    per_s = _measured(variant, rule.eval_size)
    seconds = {name: count / per_s for name, count in operations.items()}
    if is_measured:
        method = choose(facts, {name: Estimate(took) for name, took in seconds.items()}).method
        if seconds[method] <= patience_s:
            return None
        subject = f"{method}, the least that train.method=auto can take,"
    text = f"{subject} {_takes(method, seconds[method], job)}"
    offers = [
        f"{option} (about {in_words(count / per_s)})"
        for option, count in sorted(_offers(method, job, per_s).items(), key=lambda item: item[1])
        if facts.pretrained and count < operations[method] / 2
    ]
    return f"{text}. Faster: {', '.join(offers)}" if offers else text


@dataclasses.dataclass(frozen=True)
class _Job:
    """What is to be trained, for `sentence`."""

    network: variants.Variant
    train: TrainSettings
    rule: HyperRule
    pictures: int
    num_classes: int

    def operations(self) -> dict[str, float]:
        """Multiplications of each method."""
        gradient = pace.LEAST_GRADIENT_COST * self.network.multiplications(self.rule.crop)
        probe = self.features() + self.head()
        fine_tune = pace.of_fine_tuning(self.rule, gradient)
        again = self.pictures * self.network.multiplications(self.rule.eval_size)
        return {PROBE: probe, FINE_TUNE: fine_tune, BOTH: probe + fine_tune + again}

    def features(self) -> float:
        """Of the network, for each view of a picture once."""
        views = 1 + frozen.is_mirrored(self.train.label_safe, self.pictures / self.num_classes)
        return float(views * self.pictures * self.network.multiplications(self.rule.eval_size))

    def head(self) -> float:
        """Of its own steps and the cross-validation's; two passes each, forward and back."""
        rule = self.rule
        if self.train.method != PROBE:  # what is given is for the whole network
            rule = hyperrule.for_dataset(self.pictures, 1.0)
        width, seen = self.network.features, rule.steps * rule.batch_size
        validation = cross_validation.multiplications(self.pictures, width, self.num_classes, rule)
        return 2.0 * seen * width * self.num_classes + validation

    def at(self, size: int) -> _Job:
        """The same at another size."""
        rule = dataclasses.replace(self.rule, eval_size=size)
        return dataclasses.replace(self, rule=rule)


def _takes(method: str, took_s: float, job: _Job) -> str:
    duration = in_words(took_s)
    if method == PROBE:
        pictures = counted(job.pictures, "picture")
        return f"will take about {duration} here: {pictures} at {job.rule.eval_size} px"
    steps = f"{counted(job.rule.steps, 'step')} of {counted(job.rule.batch_size, 'picture')}"
    return f"would take at least {duration} here: {steps} at {job.rule.crop} px"


def _offers(method: str, job: _Job, per_s: float) -> dict[str, float]:
    """Multiplications by the options that could be given instead, at so many a second."""
    probe = "" if method == PROBE else "--set train.method=probe"
    offers = {probe: job.operations()[PROBE]} if probe else {}
    if job.rule.eval_size > _SMALL_PX:
        sizes = f"--set train.crop={_SMALL_PX} --set train.resize={_SMALL_RESIZE_PX}"
        if job.rule.eval_size != job.rule.crop:
            sizes = f"--set train.eval_size={_SMALL_PX}"
        small = f"{probe} {sizes}"
        offers[small.strip()] = job.at(_SMALL_PX).operations()[PROBE]
    offers["--config photos"] = _of_photos(job, per_s)
    return offers


def _of_photos(job: _Job, per_s: float) -> float:
    """Multiplications by that configuration; of the whole network where it takes these steps."""
    network = variants.get(packaged.SOURCES[packaged.BACKBONE].variant)
    mini = dataclasses.replace(job, network=network).at(_PACKAGED_PX)
    probe = _PACKAGED_COST * mini.features() + mini.head()
    steps = _PACKAGED_PASSES * job.pictures * network.multiplications(_PACKAGED_CROP)
    again = job.pictures * network.multiplications(_PACKAGED_PX)
    whole = probe + _PACKAGED_COST * (pace.LEAST_GRADIENT_COST * steps + again) + mini.head()
    is_few = job.pictures / job.num_classes < FEW_PER_CLASS
    return probe if is_few or whole > 60 * _PACKAGED_MINUTES * per_s else whole


def _measured(variant: str, size: int) -> float:
    """Multiplications a second of an untrained network."""
    largest, of_run = variants.get(_LARGEST_MEASURED), variants.get(variant)
    measured = min(largest, of_run, key=lambda one: one.multiplications(size))
    network = features.network(resnet_v2.build(measured))
    forward = tf.function(lambda images: network(images, training=False))
    images = tf.random.uniform((_PICTURES, size, size, 3))
    return _PICTURES * measured.multiplications(size) / pace.seconds(lambda: forward(images))
