"""Joins the rows of requests that wait into batches, and gives each its part of the answer."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from serving.server.options import Batching
from serving.status import InvalidArgumentError, ResourceExhaustedError, UnavailableError

Inputs = Sequence[np.ndarray]
Outputs = dict[str, np.ndarray]


class _Task:
    """A request that waits: its rows, and the future of the loop which awaits them."""

    __slots__ = ("enqueued_s", "future", "inputs", "key", "loop", "pixels", "rows")

    def __init__(self, key: Hashable, inputs: Inputs, pixels: Sequence[int] = ()) -> None:
        self.key = key
        self.inputs = inputs
        self.rows = len(inputs[0])
        self.pixels = pixels or [0] * self.rows
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Outputs] = self.loop.create_future()
        self.enqueued_s = time.monotonic()


class Batcher:
    """Runs a function of batches for requests of an event loop, in threads of its own.

    Args:
        run: (signature, inputs) -> outputs, all with the same number of rows.
        batching: sizes and times.
        observe: told of every batch: its rows, and seconds that its first request waited.
        max_pixels: of a batch. A row that has more is alone.
    """

    def __init__(
        self,
        run: Callable[[str, Inputs], Outputs],
        batching: Batching,
        observe: Callable[[int, float], None] | None = None,
        *,
        max_pixels: float = math.inf,
    ) -> None:
        self._run = run
        self._batching = batching
        self._observe = observe
        self._max_pixels = max_pixels
        self._changed = threading.Condition()  # guards the three below
        self._queue: deque[_Task] = deque()
        self._queued_rows = 0
        self._closed = False
        for index in range(batching.num_batch_threads):
            threading.Thread(target=self._work, name=f"batches-{index}", daemon=True).start()

    @property
    def queued_rows(self) -> int:
        """Rows that wait."""
        return self._queued_rows

    def close(self) -> None:
        """Ends the threads once the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def submit(self, signature: str, inputs: Inputs, pixels: Sequence[int] = ()) -> Outputs:
        """The outputs for `inputs`, arrays with the same number of rows, at least one.

        A request that is cancelled leaves the queue.

        Args:
            signature: its name.
            inputs: in the order of their sorted names.
            pixels: of each row; none for rows that are no pictures.

        Raises:
            ResourceExhaustedError: the queue is full.
            StatusError: what `run` raised for these rows. Rows of others in the same batch
                do not matter, and the text tells which row it was.
        """
        task = _Task((signature, *((x.dtype, x.shape[1:]) for x in inputs)), inputs, pixels)
        with self._changed:
            if self._closed:
                raise UnavailableError("The model is being unloaded.")
            if self._queue and self._queued_rows + task.rows > self._batching.capacity:
                raise ResourceExhaustedError(
                    f"The queue is full: {self._queued_rows} of {self._batching.capacity} rows "
                    f"wait. Try again later."
                )
            self._queue.append(task)
            self._queued_rows += task.rows
            self._changed.notify()
        try:
            return await task.future
        except asyncio.CancelledError:
            self._forget(task)
            raise

    def _forget(self, task: _Task) -> None:
        with self._changed:
            if task in self._queue:
                self._queue.remove(task)
                self._queued_rows -= task.rows

    def _work(self) -> None:
        while tasks := self._next():
            if self._observe is not None:
                waited_s = time.monotonic() - tasks[0].enqueued_s
                self._observe(sum(task.rows for task in tasks), waited_s)
            outcomes = self._outcomes(tasks)
            # One wake-up of the loop for all: each costs as much as a small request.
            try:
                tasks[0].loop.call_soon_threadsafe(_deliver, tasks, outcomes)
            except RuntimeError:  # the loop has ended, and nobody waits any more
                return

    def _next(self) -> list[_Task]:
        """Waits for a batch and takes it from the queue; none when closed."""
        timeout_s = self._batching.batch_timeout_ms / 1000
        with self._changed:
            while True:
                if not self._queue:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                tasks = self._joinable()
                left_s = self._queue[0].enqueued_s + timeout_s - time.monotonic()
                full = sum(task.rows for task in tasks) >= self._batching.max_batch_size
                if full or left_s <= 0 or self._closed or len(tasks) < len(self._queue):
                    taken = set(map(id, tasks))
                    self._queue = deque(task for task in self._queue if id(task) not in taken)
                    self._queued_rows -= sum(task.rows for task in tasks)
                    return tasks
                self._changed.wait(left_s)

    def _joinable(self) -> list[_Task]:
        """The oldest task, and those which fit beside it into a batch."""
        oldest = self._queue[0]
        tasks: list[_Task] = []
        rows = pixels = 0
        for task in self._queue:
            if task.key == oldest.key:
                rows += task.rows
                pixels += sum(task.pixels)
                if tasks and (rows > self._batching.max_batch_size or pixels > self._max_pixels):
                    break
                tasks.append(task)
        return tasks

    def _outcomes(self, tasks: Sequence[_Task]) -> list[Outputs | Exception]:
        """What becomes of each task: a batch that fails is halved until the culprit is alone."""
        signature = tasks[0].key[0]  # type: ignore[index]
        columns = [task.inputs for task in tasks]
        inputs = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
        pixels = [count for task in tasks for count in task.pixels]
        try:
            outputs = self._run_rows(
                signature, inputs if len(tasks) > 1 else tasks[0].inputs, pixels
            )
        except Exception as error:
            if len(tasks) == 1:
                return [self._blamed(signature, tasks[0], error)]
            middle = len(tasks) // 2
            return [*self._outcomes(tasks[:middle]), *self._outcomes(tasks[middle:])]
        parts, start = [], 0
        for task in tasks:
            stop = start + task.rows
            parts.append({name: value[start:stop] for name, value in outputs.items()})
            start = stop
        return list(parts)

    def _run_rows(self, signature: str, inputs: Inputs, pixels: Sequence[int]) -> Outputs:
        """Runs any number of rows, in batches of an allowed size."""
        chunks = [
            self._run_padded(signature, [x[start:stop] for x in inputs])
            for start, stop in self._cuts(pixels)
        ]
        if len(chunks) == 1:
            return chunks[0]
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def _cuts(self, pixels: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Where the batches of these rows start and stop."""
        start = total = 0
        for row, count in enumerate(pixels):
            total += count
            full = row - start == self._batching.max_batch_size
            if full or (row > start and total > self._max_pixels):
                yield start, row
                start, total = row, count
        yield start, len(pixels)

    def _run_padded(self, signature: str, inputs: Inputs) -> Outputs:
        rows = len(inputs[0])
        missing = self._batching.padded(rows) - rows
        if missing:
            inputs = [np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]) for x in inputs]
        outputs = self._run(signature, inputs)
        for name, value in outputs.items():
            if np.ndim(value) < 1 or len(value) != rows + missing:
                raise InvalidArgumentError(
                    f"Output {name} must have a row for each of the {rows + missing} of the input. "
                    f"Its shape is {np.shape(value)}."
                )
        return {name: value[:rows] for name, value in outputs.items()} if missing else outputs

    def _blamed(self, signature: str, task: _Task, error: Exception) -> Exception:
        """The error with the index of the first row that causes it."""
        rows = task.rows
        if rows == 1 or not isinstance(error, InvalidArgumentError):
            return error
        start, stop = 0, rows
        while stop - start > 1:
            middle = (start + stop) // 2
            try:
                self._run_rows(
                    signature, [x[start:middle] for x in task.inputs], task.pixels[start:middle]
                )
            except InvalidArgumentError as first:
                stop, error = middle, first
            except Exception:
                return error
            else:
                start = middle
        return at_row(start, rows, error)


def at_row(index: int, rows: int, error: Exception) -> InvalidArgumentError:
    """The error of one row of a request, named where it has several."""
    return InvalidArgumentError(f"{error} (input {index} of {rows}, counted from 0)")


def _deliver(tasks: Sequence[_Task], outcomes: Sequence[Outputs | Exception]) -> None:
    for task, outcome in zip(tasks, outcomes, strict=True):
        if task.future.done():  # cancelled while it was computed
            continue
        if isinstance(outcome, Exception):
            task.future.set_exception(outcome)
        else:
            task.future.set_result(outcome)
