"""Teaches the student; goes on from the checkpoint of its run, and to the same end."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitpipe.errors import TrainingError
from components.bit import variants
from pretraining import answers, checkpoints, judge
from pretraining.batches import Source
from pretraining.feeds import Fed, Feed, FromDevice, FromProcessor
from pretraining.network import ResNet
from pretraining.pictures import Pictures
from pretraining.prefetch import Ahead
from pretraining.resident import Resident
from pretraining.state import Settings, State, nothing

MOMENTUM = 0.9
SAVED_EVERY_S = 180
COOLED_AVERAGES = 5  # times the averaged span passes in a cool-down, at least


class Trainer:
    """One run.

    Args:
        settings: of a run that begins; a run that goes on keeps its own.
        pictures: the store.
        cache: folder that holds the answers.
        run: folder of the run's checkpoint.
        judged_every: pictures between two judgings.
        workers: threads that make batches.
        show: is told the progress.
    """

    def __init__(
        self,
        settings: Settings,
        pictures: Pictures,
        cache: Path,
        run: Path,
        *,
        judged_every: int,
        workers: int,
        show: Callable[[str], None],
    ) -> None:
        stored = checkpoints.load(run)
        self.settings = stored.settings if stored else settings
        self.run = run
        self.judged_every = judged_every
        self.workers = workers
        self.show = show
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        variant = variants.get(self.settings.variant)
        self.network = ResNet(variant, answers.CLASSES, self.settings.seed).to(self.device)
        # Compiled, normalisation and ReLU are one pass over memory on a GPU: 25,000 pictures a
        # second at 128 px. One program a size: one for all sizes took 160 s to compile, for two
        # sizes 30 to 50 s each. A CPU would wait for the compiler longer than that saves.
        self.forward = (
            torch.compile(self.network, dynamic=False) if self.device == "cuda" else self.network
        )
        self.average = copy.deepcopy(self.network)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            self.settings.schedule.rate,
            momentum=MOMENTUM,
            nesterov=True,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        if stored:
            self.network.load_state_dict(stored.network)
            self.average.load_state_dict(stored.average)
            self.optimizer.load_state_dict(stored.optimizer)
        self.state = stored or State(self.settings, {}, {}, {})
        self._loss = self._agreement = _zero(self.device)
        self.pictures = pictures
        self.resident = Resident(pictures, self.device) if self.device == "cuda" else None
        self.folder = cache / self.settings.answers
        self.judges = judge.Judges(pictures, answers.read_judged(self.folder))

    def train(self, until: int | None = None) -> State:
        """Trains to the schedule's end, or until so many pictures were seen.

        Raises:
            TrainingError: the loss is no longer a number.
        """
        ends = [end for end in (until, self.settings.schedule.end) if end is not None]
        end = min(ends, default=None)
        self.clock, self.cpu_clock = time.monotonic(), time.process_time()
        while end is None or self.state.seen < end:
            self._train_on(self._source(), end)
        return self.state

    def _source(self) -> Source:
        answered = answers.read_all(self.folder, self.settings.parts)
        settings = self.settings
        return Source(self.pictures, answered, settings.seed, settings.batch, settings.targets)

    def _feed(self, source: Source) -> Feed:
        if self.resident is None:
            return FromProcessor(source)
        return FromDevice(source, self.resident, self.device)

    def _train_on(self, source: Source, end: int | None) -> None:
        """Trains to `end`, or until there are more answers than `source` has."""
        self.show(
            f"{len(source):,} views of pictures, from {self.state.seen:,} seen on {self.device}, "
            f"{'mixed bfloat16' if mixes_bfloat16(self.device) else 'float32'}"
        )
        feed = self._feed(source)
        ahead = Ahead(lambda key: feed.prepare(*key), self._plan(end), workers=self.workers)
        saved = time.monotonic()
        pace = _Pace(self.state.seen)
        for prepared in ahead:
            self._step(feed.finish(prepared))
            is_end = end is not None and self.state.seen >= end
            if self._is_judged():
                self._judge(pace.measure(self.state.seen, ahead.waited_s), end)
                pace = _Pace(self.state.seen, ahead.waited_s)
            if is_end or time.monotonic() - saved > SAVED_EVERY_S:
                self.save()
                saved = time.monotonic()
                if self.settings.parts is None and len(self._source()) > len(source):
                    return

    def save(self) -> None:
        """Writes the checkpoint."""
        self._settle()
        self._count_time()
        self.state.network = self.network.state_dict()
        self.state.average = self.average.state_dict()
        self.state.optimizer = self.optimizer.state_dict()
        checkpoints.save(self.state, self.run)

    def _is_judged(self) -> bool:
        """At multiples and at the schedule's end, but not where a user stops.

        So the curve of a run in two halves is that of the run in one.
        """
        seen, every, end = self.state.seen, self.judged_every, self.settings.schedule.end
        before = seen - self.settings.batch
        return seen // every > before // every or (end is not None and seen >= end)

    def _plan(self, end: int | None) -> Iterator[tuple[int, int]]:
        step, seen = self.state.step, self.state.seen
        while end is None or seen < end:
            yield step, self.settings.schedule.size_at(seen)
            step, seen = step + 1, seen + self.settings.batch

    def _step(self, fed: Fed) -> None:
        schedule, state = self.settings.schedule, self.state
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.rate_at(state.seen)
        images, targets = fed
        with autocast(self.device):
            logits = self.forward(images)
        loss = divergence(logits, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        # The average is judged and exported: it follows the falling rate of a cool-down, and
        # spares most of the loss of a rate that has not fallen yet.
        share = max(self.settings.batch / self.settings.average, 4 / (state.step + 4))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.network.parameters()), share
            )
        state.step += 1
        state.seen += self.settings.batch
        state.since["steps"] += 1
        # Summed where they are: to ask a GPU for a number is to wait for it.
        self._loss = self._loss + loss.detach()
        agreed = logits.detach().argmax(1) == targets.argmax(1)
        self._agreement = self._agreement + agreed.float().mean()

    def _settle(self) -> None:
        """Brings the sums of the last steps into the state.

        Raises:
            TrainingError: the loss is not a number.
        """
        self.state.since["loss"] += float(self._loss)
        self.state.since["agreement"] += float(self._agreement)
        self._loss = self._agreement = _zero(self.device)
        if math.isnan(self.state.since["loss"]):
            raise TrainingError(
                f"the loss is not a number after {self.state.seen:,} pictures. The last "
                "checkpoint is good: begin another run with a lower rate."
            )

    def _judge(self, pace: dict[str, float], end: int | None) -> None:
        self._settle()
        state = self.state
        size = self.settings.schedule.size_at(state.seen - self.settings.batch)
        scores = self.judges.judge(self.average, size)
        self._count_time()
        steps = state.since.pop("steps")
        means = {name: total / steps for name, total in state.since.items()}
        state.since = nothing()
        record: dict[str, Any] = {
            "seen": state.seen,
            "size": size,
            "rate": self.settings.schedule.rate_at(state.seen),
            **means,
            "held_out": scores,
            **pace,
            "core_hours": state.cpu_s / 3600,
            "hours": state.wall_s / 3600,
        }
        state.curve.append(record)
        left = f", {(end - state.seen) / pace['pictures_per_s'] / 60:.0f} min left" if end else ""
        self.show(
            f"{state.seen:9,} seen at {size} px: loss {record['loss']:.3f}, agreement "
            f"{record['agreement']:.3f}; held out: agreement {scores['agreement']:.3f}, top-1 "
            f"{scores['top1']:.3f}, top-5 {scores['top5']:.3f}, KL {scores['divergence']:.3f}; "
            f"{pace['pictures_per_s']:.0f}/s, waiting {record['wait_share']:.1%}, core hours "
            f"{record['core_hours']:.2f}{left}"
        )

    def _count_time(self) -> None:
        now, cpu_now = time.monotonic(), time.process_time()
        self.state.wall_s += now - self.clock
        self.state.cpu_s += cpu_now - self.cpu_clock
        self.clock, self.cpu_clock = now, cpu_now


class _Pace:
    """How fast it goes since `seen` pictures were seen, and what was waited for until then."""

    def __init__(self, seen: int, waited_s: float = 0.0) -> None:
        self._start = time.monotonic()
        self._seen = seen
        self._waited_s = waited_s

    def measure(self, seen: int, waited_s: float) -> dict[str, float]:
        spent_s = time.monotonic() - self._start
        return {
            "pictures_per_s": (seen - self._seen) / spent_s,
            "wait_share": (waited_s - self._waited_s) / spent_s,
        }


def _zero(device: str) -> Tensor:
    # In double precision, sums of float32 are the same wherever a run was halved.
    return torch.zeros((), dtype=torch.float64, device=device)


def divergence(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence from targets (B, C) to softmax(logits), in nats."""
    # In bfloat16 the small probabilities would be lost.
    log_probs = functional.log_softmax(logits.float(), dim=1)
    return functional.kl_div(log_probs, targets, reduction="batchmean")


def mixes_bfloat16(device: str) -> bool:
    """Whether bfloat16 is computed by the hardware; emulated it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def autocast(device: str) -> torch.autocast:
    """Mixed bfloat16 where it pays."""
    return torch.autocast(device, torch.bfloat16, enabled=mixes_bfloat16(device))


def cool(run: Path, copy_to: Path, pictures: int, size: int) -> Settings:
    """Begins a run with a copy of another's state, its learning rate falling to 0 from there on.

    Args:
        run: folder of the run that goes on untouched.
        copy_to: folder of the new run; one that has begun is left as it is.
        pictures: over how many the rate falls.
        size: side in pixels meanwhile.

    Returns:
        The settings of the new run.

    Raises:
        TrainingError: there is no run to copy.
    """
    if begun := checkpoints.load(copy_to):
        return begun.settings
    state = checkpoints.load(run)
    if state is None:
        raise TrainingError(f"a cool-down needs a run that has begun. Received: {run}.")
    settings = state.settings
    schedule = settings.schedule.cooling(state.seen, pictures, size)
    # A longer average would hold mostly what was before the cool-down.
    average = min(settings.average, max(settings.batch, pictures // COOLED_AVERAGES))
    state.settings = dataclasses.replace(settings, schedule=schedule, average=average)
    checkpoints.save(state, copy_to)
    return state.settings


def parameters(network: nn.Module) -> int:
    """How many weights there are."""
    return sum(parameter.numel() for parameter in network.parameters())
