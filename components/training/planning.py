"""Chooses the method of a run and says how long it takes here, before it starts."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from bitpipe.errors import ConfigError
from components import progress
from components.bit.hyperrule import HyperRule
from components.settings import TrainSettings
from components.training import checkpoints, devices, fine_tuning, head, loop, pace
from components.training.frozen import Frozen
from components.training.method import BOTH, FINE_TUNE, PROBE, Choice, Estimate, Facts, choose

# Beside the checkpoints: measured anew, a run that goes on might decide otherwise.
_CHOICE = "method.json"


@dataclasses.dataclass(frozen=True)
class Job:
    """What is to be trained.

    Attributes:
        model: with the weights that it starts from.
        pretrained: whether these have learned something.
        rule: of fine-tuning.
        head_rules: of a head, by the methods that train one.
        settings: of training.
        strategy: devices.
        freeze: makes the pictures' features under the weights of now available; reads those that
            are kept, in that of all runs for `None`; in another folder, of a network that has been
            trained, without mirror images.
        checkpoint_dir: of this very run.
        pictures_per_class: pictures to train on, by the number of classes.
    """

    model: keras.Model
    pretrained: bool
    rule: HyperRule
    head_rules: Mapping[str, HyperRule]
    settings: TrainSettings
    strategy: tf.distribute.Strategy
    freeze: Callable[[str | None], Frozen]
    checkpoint_dir: str
    pictures_per_class: float

    @functools.cached_property
    def frozen(self) -> Frozen:
        """Of `freeze` for the weights of the beginning."""
        return self.freeze(None)

    @functools.cached_property
    def _forward_s(self) -> float:
        return self.frozen.forward_s()

    @functools.cached_property
    def _features_s(self) -> float:
        return self.frozen.seconds(lambda: self._forward_s)

    def probe_s(self, method: str = PROBE) -> float:
        """Seconds of the probe of a method here, measured."""
        return self._features_s + self.head_s(method)

    def head_s(self, method: str = PROBE) -> float:
        """Seconds of it beyond the features, measured."""
        return head.seconds(self.model, self.head_rules[method], self.pictures)

    @functools.cached_property
    def again(self) -> pace.Took:
        """Seconds of the head on the features of a network that has been trained; measured."""
        return pace.Took(
            features=self.frozen.seconds(lambda: self._forward_s, anew=True),
            head=head.seconds(self.model, self.head_rules[BOTH], 0),
        )

    def took(self, method: str, steps: int) -> pace.Took:
        """Seconds of a method here, with so many steps of fine-tuning; measured."""
        features_s = head_s = network_s = 0.0
        if method != FINE_TUNE:
            features_s, head_s = self._features_s, self.head_s(method)
        if method != PROBE and steps:
            network_s = self.fine_tune_s * steps / self.rule.steps
        took = pace.Took(features_s, head_s, network_s)
        return took + self.again if method == BOTH else took

    @functools.cached_property
    def pictures(self) -> int:
        """How many there are to train on."""
        return round(self.pictures_per_class * self.model.output.shape[-1])

    @functools.cached_property
    def steps_taken(self) -> int:
        """Of fine-tuning, by an earlier run that was killed."""
        return checkpoints.newest(self.checkpoint_dir)

    @functools.cached_property
    def fine_tune_s(self) -> float:
        """Seconds of fine-tuning here, measured."""
        replicas = self.strategy.num_replicas_in_sync
        if replicas > 1:  # measured on one of them
            return pace.of_fine_tuning(self.rule, self._least_gradient_s / replicas)
        gradient_s = fine_tuning.seconds_per_picture(
            self.model, self.rule, self.settings, self.strategy
        )
        return pace.of_fine_tuning(self.rule, gradient_s)

    @property
    def _least_gradient_s(self) -> float:
        # The features are those of larger pictures; per pixel small ones take longer, if anything.
        pixels = (self.rule.crop / self.rule.eval_size) ** 2
        return pace.LEAST_GRADIENT_COST * pixels * self._forward_s

    def estimates(self, budget_s: float) -> dict[str, Estimate]:
        """Of every method; where fine-tuning cannot fit into the budget, what it takes at least.

        That spares compiling it, which takes longer than many a probe.
        """
        least_s = pace.of_fine_tuning(self.rule, self._least_gradient_s)
        at_least = least_s > budget_s
        fine_tune_s = least_s if at_least else self.fine_tune_s
        return {
            PROBE: Estimate(self.probe_s()),
            FINE_TUNE: Estimate(fine_tune_s, at_least),
            BOTH: Estimate(self.probe_s(BOTH) + fine_tune_s + self.again.total, at_least),
        }


def plan(job: Job) -> Choice:
    """The method of this run, told with its time.

    Raises:
        ConfigError: the method needs one machine, and there are several or a TPU.
    """
    one_machine = devices.is_one_machine(job.strategy)
    _require_one_machine(job.settings, one_machine)
    estimates: dict[str, Estimate] = {}
    if job.settings.method != "auto":
        choice = Choice(job.settings.method, "train.method says so")
    else:
        accelerated = devices.accelerated(job.strategy)
        facts = Facts(
            job.pretrained,
            one_machine,
            accelerated,
            job.settings.minutes,
            job.pictures_per_class,
        )
        budget_s = facts.budget_s
        remembered = _remembered(job) if budget_s is not None else None
        if budget_s is not None and not remembered:
            estimates = job.estimates(budget_s)
        choice = remembered or choose(facts, estimates)
        progress.say(loop.STAGE, f"train.method=auto takes {choice.method}: {choice.reason}")
        if budget_s is not None and choice.method != PROBE:
            _remember(job, choice)
    if choice.method == FINE_TUNE and job.rule.eval_size > job.rule.crop:
        progress.say(
            loop.STAGE,
            f"the network is trained at {job.rule.crop} px (train.crop) and served at "
            f"{job.rule.eval_size} (train.eval_size): by train.method={BOTH} a head would learn "
            "from what is served",
        )
    if not says_its_pace(job, choice):
        progress.say(loop.STAGE, _about(job, choice.method))
    if sentence := _of_schedule(job, choice.method):
        progress.say(loop.STAGE, sentence)
    return choice


def says_its_pace(job: Job, choice: Choice) -> bool:
    """Whether how long it takes is measured on its own first steps.

    Where there is nothing else to choose from, measuring before would be compiling twice.
    """
    return choice.method == FINE_TUNE and (
        not job.pretrained or job.strategy.num_replicas_in_sync > 1
    )


def _about(job: Job, method: str) -> str:
    if method != PROBE and job.steps_taken:
        steps = job.rule.steps - job.steps_taken
        return pace.left(method, steps, job.took(method, steps).total)
    took = job.took(method, job.rule.steps)
    others: dict[str, float] = {}
    is_long = took.total > pace.patience_s(job.settings)
    if method != PROBE and is_long and devices.is_one_machine(job.strategy):
        others[PROBE] = job.probe_s()
    return pace.about(
        method,
        took,
        _last_rule(job, method),
        job.settings,
        pictures=job.pictures,
        others=others,
    )


def _of_schedule(job: Job, method: str) -> str | None:
    if method == PROBE:
        took_s = job.head_s()
    elif job.steps_taken:  # other settings would start over
        return None
    else:
        took_s = None
    return pace.of_schedule(
        method, _last_rule(job, method), job.pictures, job.settings, took_s=took_s
    )


def _last_rule(job: Job, method: str) -> HyperRule:
    """Of what `train.steps` and the like are about."""
    return job.head_rules[PROBE] if method == PROBE else job.rule


def _require_one_machine(settings: TrainSettings, one_machine: bool) -> None:
    for key, wanted in (
        (f"train.method={settings.method}", settings.method in (PROBE, BOTH)),
        ("train.keep_best=true", settings.keep_best),
    ):
        if wanted and not one_machine:
            raise ConfigError(
                f"{key} computes on one machine's CPU or GPUs. Received: several workers, or a "
                "TPU. Set train.method=fine_tune and train.keep_best=false, or "
                "train.distribution=one_device on one machine."
            )


def _remembered(job: Job) -> Choice | None:
    with (
        contextlib.suppress(tf.errors.OpError, OSError, ValueError, TypeError),
        tf.io.gfile.GFile(f"{job.checkpoint_dir}/{_CHOICE}") as file,
    ):
        return Choice(**json.loads(file.read()))
    return None


def _remember(job: Job, choice: Choice) -> None:
    checkpoints.write_json(job.checkpoint_dir, _CHOICE, dataclasses.asdict(choice))
