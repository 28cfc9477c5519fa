"""Seconds and memory of released networks as frozen backbones, on random weights of their size."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.bit.process import OURS, Contender, Worker
from benchmarks.bit.task import Task, Unavailable, write_inputs
from benchmarks.kit import rounds
from benchmarks.kit.project import ROOT, BenchmarkError
from bitpipe import exits
from components.bit.source import IMAGENET_21K

SIZE = 224  # of the configuration laptop


@dataclasses.dataclass(frozen=True)
class Measured:
    """Of one network.

    Attributes:
        variant: its name.
        file_bytes: of its weights in the official layout, the head of BiT-M included.
        seconds: of every iteration.
        pictures: of an iteration, each with its mirror image.
        peak_bytes: the most memory that its process has had, reading the weights included.
    """

    variant: str
    file_bytes: int
    seconds: Sequence[float]
    pictures: int
    peak_bytes: int


@dataclasses.dataclass(frozen=True)
class Run:
    """`bitpipe run --config laptop`.

    Attributes:
        pictures: in the folder.
        seconds: of all, imports included.
        stages: seconds of each.
        peak_bytes: of the process.
    """

    pictures: int
    seconds: float
    stages: Mapping[str, float]
    peak_bytes: int


def backbones(
    variants: Sequence[str],
    data: Path,
    folder: str,
    *,
    pictures: int,
    count: int,
    size: int = SIZE,
    note: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Lets the networks take turns, each in a process of its own.

    Args:
        variants: the first one is what ratios are to.
        data: a folder of JPEG files.
        folder: where the weights are written.
        pictures: of an iteration.
        count: rounds, even.
        size: of the pictures, in pixels.
        note: is told what is going on.

    Raises:
        BenchmarkError: a process ended, or there are too few pictures.
    """
    tasks = {
        variant: Task(folder, variant, size, pictures, False, IMAGENET_21K) for variant in variants
    }
    with contextlib.ExitStack() as stack:
        workers = {}
        for variant, task in tasks.items():
            note(f"{variant}: writing weights, starting")
            write_inputs(task)
            contender = Contender(variant, OURS, "bitpipe_features", str(data))
            workers[variant] = stack.enter_context(Worker(contender, task))
            try:
                workers[variant].ready()
            except Unavailable as reason:
                raise BenchmarkError(f"{variant} cannot be measured: {reason}.") from reason
        note(f"{count} rounds of {len(workers)}")
        runs = {variant: worker.run for variant, worker in workers.items()}
        seconds = rounds.interleave(runs, count, turn_s=0)
        return [
            Measured(
                variant,
                tasks[variant].checkpoint_path.stat().st_size,
                seconds[variant],
                pictures,
                worker.peak_bytes(),
            )
            for variant, worker in workers.items()
        ]


def laptop(weights: Path, data: Path, folder: Path, per_class: int) -> Run:
    """Runs the configuration on the first pictures of each class.

    Raises:
        BenchmarkError: the run failed.
    """
    copied = 0
    for label in sorted(path for path in data.iterdir() if path.is_dir()):
        (folder / "photos" / label.name).mkdir(parents=True)
        for path in sorted(label.glob("*.jp*g"))[:per_class]:
            shutil.copy(path, folder / "photos" / label.name)
            copied += 1
    command = [
        *(sys.executable, "-m", "pipeline", "run", "--config", "laptop", "--json"),
        *("--data", str(folder / "photos"), "--out", str(folder / "out")),
        *("--set", f"model.backbone={weights}"),
    ]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    # Random weights recognise nothing: what comes of them is not blessed, perhaps.
    if done.returncode not in (exits.OK, exits.NOT_BLESSED):
        raise BenchmarkError(f"bitpipe run ended with {done.returncode}: {done.stderr[-500:]}")
    result = json.loads(done.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Run(
        copied, seconds, {name: stage["seconds"] for name, stage in result["stages"].items()}, peak
    )
