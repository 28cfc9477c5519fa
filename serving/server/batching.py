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

# Pixels of a request that is answered at once with others: a phone's picture, decoded in 0.2 s.
LIGHT_PIXELS = 16 * 2**20


class _Task:
    """A request that waits: its rows, and the future of the loop which awaits them."""

    __slots__ = (
        *("enqueued_s", "future", "inputs", "is_heavy", "key", "loop", "pixels", "rows"),
        "signature",
    )

    def __init__(
        self, signature: str, inputs: Inputs, pixels: Sequence[int], light_rows: int
    ) -> None:
        self.signature = signature
        self.inputs = inputs
        self.rows = len(inputs[0])
        self.pixels = pixels or [0] * self.rows
        self.is_heavy = self.rows > light_rows or sum(self.pixels) > LIGHT_PIXELS
        # What can be joined: the same model function, and rows of the same kind.
        kinds = tuple((x.dtype, x.shape[1:]) for x in inputs)
        self.key: Hashable = (signature, kinds, self.is_heavy)
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Outputs] = self.loop.create_future()
        self.enqueued_s = time.monotonic()


class Batcher:
    """Runs a function of batches for requests of an event loop, in threads of its own.

    A request that takes long (`LIGHT_PIXELS`, or more rows than a batch) leaves one thread and half
    of the queue to the others, so that none has to wait for its end.

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
        self._changed = threading.Condition()  # guards the five below
        self._queue: deque[_Task] = deque()
        self._queued_rows = 0
        self._heavy_rows = 0  # of the above
        self._heavy_batches = 0  # in progress
        self._closed = False
        self._most_heavy = max(1, batching.num_batch_threads - 1)
        self._threads = [
            threading.Thread(target=self._work, name=f"batches-{index}", daemon=True)
            for index in range(batching.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queued_rows(self) -> int:
        """Rows that wait."""
        return self._queued_rows

    def close(self) -> None:
        """Ends the threads once the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Waits for the end of the threads, after `close`."""
        for thread in self._threads:
            thread.join()

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
        batching = self._batching
        task = _Task(signature, inputs, pixels, batching.max_batch_size)
        with self._changed:
            if self._closed:
                raise UnavailableError("The model is being unloaded.")
            if self._queue and self._queued_rows + task.rows > batching.capacity:
                raise ResourceExhaustedError(
                    f"The queue is full: {self._queued_rows} of {batching.capacity} rows "
                    f"wait. Try again later."
                )
            heavy_rows = self._heavy_rows + task.rows if task.is_heavy and self._heavy_rows else 0
            if heavy_rows > batching.capacity // 2:
                raise ResourceExhaustedError(
                    f"The queue is full of large requests: {self._heavy_rows} rows of them wait. "
                    f"Try again later, or send smaller pictures or fewer at once."
                )
            self._queue.append(task)
            self._count([task], 1)
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
                self._count([task], -1)

    def _count(self, tasks: Sequence[_Task], sign: int) -> None:
        """Counts what comes into the queue (1) or leaves it (-1)."""
        self._queued_rows += sign * sum(task.rows for task in tasks)
        self._heavy_rows += sign * sum(task.rows for task in tasks if task.is_heavy)

    def _work(self) -> None:
        while tasks := self._next():
            if self._observe is not None:
                waited_s = time.monotonic() - tasks[0].enqueued_s
                self._observe(sum(task.rows for task in tasks), waited_s)
            outcomes = self._outcomes(tasks)
            if tasks[0].is_heavy:
                with self._changed:
                    self._heavy_batches -= 1
                    self._changed.notify_all()
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
                if not tasks:
                    self._changed.wait()
                    continue
                left_s = tasks[0].enqueued_s + timeout_s - time.monotonic()
                full = sum(task.rows for task in tasks) >= self._batching.max_batch_size
                if full or left_s <= 0 or self._closed or len(tasks) < len(self._queue):
                    taken = set(map(id, tasks))
                    self._queue = deque(task for task in self._queue if id(task) not in taken)
                    self._count(tasks, -1)
                    self._heavy_batches += tasks[0].is_heavy
                    return tasks
                self._changed.wait(left_s)

    def _joinable(self) -> list[_Task]:
        """The oldest task whose turn it is, and those which fit beside it into a batch."""
        no_more_heavy = self._heavy_batches >= self._most_heavy
        tasks: list[_Task] = []
        rows = pixels = 0
        for task in self._queue:
            if task.is_heavy and no_more_heavy:
                continue
            if not tasks or task.key == tasks[0].key:
                rows += task.rows
                pixels += sum(task.pixels)
                most_pixels = min(self._max_pixels, math.inf if task.is_heavy else 2 * LIGHT_PIXELS)
                if tasks and (rows > self._batching.max_batch_size or pixels > most_pixels):
                    break
                tasks.append(task)
        return tasks

    def _outcomes(self, tasks: Sequence[_Task]) -> list[Outputs | Exception]:
        """What becomes of each task: a batch that fails is halved until the culprit is alone."""
        signature = tasks[0].signature
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
