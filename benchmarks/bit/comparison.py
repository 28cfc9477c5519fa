"""Runs one row: starts its workers, has them prove that they compute the same, times them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence

from benchmarks.bit.lineup import Row
from benchmarks.bit.process import OURS, PYTORCH, TORCH_PYTHON, Contender, Worker
from benchmarks.bit.task import Task, Unavailable, write_inputs
from benchmarks.kit import rounds
from benchmarks.kit.project import BenchmarkError
from benchmarks.kit.rounds import Goal


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured for a row.

    Attributes:
        row: the row.
        task: what was computed.
        seconds: contender's name -> seconds of every iteration, in the row's order.
        left_out: contender's name -> the reason why it did not run.
        versions: framework -> version.
    """

    row: Row
    task: Task
    seconds: Mapping[str, Sequence[float]]
    left_out: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def medians(self) -> dict[str, float]:
        """Contender's name -> seconds."""
        return rounds.medians(self.seconds)

    @property
    def goals(self) -> list[Goal]:
        """The row's goals, judged by the medians."""
        return self.row.goals(self.medians)


def compare(
    row: Row,
    task: Task,
    *,
    count: int,
    turn_s: float,
    note: Callable[[str], None] = lambda _: None,
) -> Result:
    """Measures a row.

    Args:
        row: the contenders.
        task: what they compute; its input files are written.
        count: rounds, an even number.
        turn_s: see `rounds.interleave`.
        note: told what is going on.

    Raises:
        BenchmarkError: one of ours cannot run, a process ended, or answers differ.
    """
    write_inputs(task)
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        note(f"{row.name}: starting {len(row.contenders)} processes")
        started = [stack.enter_context(Worker(contender, task)) for contender in row.contenders]
        workers: dict[str, Worker] = {}
        for worker in started:
            name = worker.contender.name
            try:
                versions |= worker.ready()
                workers[name] = worker
            except Unavailable as reason:
                left_out[name] = _remedied(worker.contender, str(reason))
        note(f"{row.name}: checking that all compute the same")
        values = {name: worker.check() for name, worker in workers.items()}
        rounds.require_equal(
            next(iter(workers)),
            values,
            training=task.training,
            bfloat16=set(workers)
            if task.bfloat16
            else {
                worker.contender.name for worker in workers.values() if worker.contender.bfloat16
            },
        )
        note(f"{row.name}: {count} rounds of {len(workers)}")
        runs = {name: worker.run for name, worker in workers.items()}
        seconds = rounds.interleave(runs, count, turn_s)
    return Result(row, task, seconds, left_out, versions)


def _remedied(contender: Contender, reason: str) -> str:
    if contender.family == OURS:
        raise BenchmarkError(f"{contender.name} cannot be run: {reason}.")
    if contender.family == PYTORCH and reason.endswith("is not installed"):
        return (
            f"{reason}; install the extra: pip install -e .[bench], or set {TORCH_PYTHON} to the "
            "Python of an environment that has it"
        )
    return reason
