"""Shares the shards of an ingest among processes of this machine.

A process of its own costs seconds, in which TensorFlow is loaded, and its memory. So work begins
here at once, others are started only where there is enough for them, and take shards as soon as
they are up. Plain child processes and pipes: `multiprocessing` would run the caller's main module
again in each, and a pool of `concurrent.futures` is lost with the first process that is killed.
Here a shard whose process is gone is given to another one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

from bitpipe import frameworks
from bitpipe.stores.paths import is_remote
from components.image_example_gen import room, worker

if TYPE_CHECKING:
    from components.image_example_gen.shard import Shard

_log = logging.getLogger(__name__)

# Of one core of a Xeon of 2.7 GHz: to open and decode a picture, and what each byte of it costs.
_S_PER_PICTURE = 1e-3
_S_PER_BYTE = 1e-7
# A process must have this much to do.
_WORTHWHILE_S = 20.0
# That wait for a store's answers rather than compute.
_REMOTE_THREADS = 8
_TOLD_EVERY_S = 0.1

Write = Callable[..., None]


def run(
    shards: Sequence[Shard], write: Write, *, workers: int, on_files: Callable[[int], None]
) -> None:
    """Writes all shards.

    Args:
        shards: in any order.
        write: writes the shard that it is given, with `threads` and `on_file` as of `shard.write`.
            Can be pickled, and safely be repeated.
        workers: cores to be used, by processes or threads.
        on_files: is told how many pictures more are done, by any thread.

    Raises:
        Exception: what the first shard that failed has raised.
    """
    processes = worthwhile(shards, workers)
    remote = any(is_remote(str(value)) for value in getattr(write, "keywords", {}).values())
    threads = max(workers // processes, _REMOTE_THREADS if remote else 1)

    def here(shard: Shard) -> None:
        told = _Told(on_files)
        write(shard, threads=threads, on_file=told.one)
        told.rest()

    if processes == 1:
        for shard in shards:
            here(shard)
        return
    with tempfile.NamedTemporaryFile(prefix="bitpipe-") as turn, room.sharing(turn.name):
        task = worker.Task(write, threads, turn.name)
        queue = _Queue(shards)
        helpers = [_Helper(task, queue, on_files) for _ in range(processes - 1)]
        try:
            # A shard may come back from a process that is lost.
            while (mine := queue.take()) is not None or queue.wait():
                if mine is not None:
                    here(mine)
                    queue.done()
        finally:
            for helper in helpers:
                helper.end()


def worthwhile(shards: Sequence[Shard], workers: int) -> int:
    """How many processes, of this many at most, have enough to do to be started."""
    new = [
        picture
        for shard in shards
        for number, picture in enumerate(shard.pictures)
        if number not in shard.kept
    ]
    seconds = len(new) * _S_PER_PICTURE + sum(picture.size for picture in new) * _S_PER_BYTE
    return max(1, min(workers, len(shards) // 2, 1 + int(seconds / _WORTHWHILE_S)))


class _Told:
    """Tells of one picture after another a few times a second: a listener may take its time."""

    def __init__(self, on_files: Callable[[int], None]) -> None:
        self._on_files = on_files
        self._waiting = 0
        self._last = time.monotonic()

    def one(self) -> None:
        """One more is done."""
        self._waiting += 1
        now = time.monotonic()
        if now - self._last > _TOLD_EVERY_S:
            self._last = now
            self.rest()

    def rest(self) -> None:
        """Tells what has not been told."""
        self._on_files(self._waiting)
        self._waiting = 0


class _Queue:
    """Shards to be written, by whoever takes them."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._waiting = deque(shards)
        self._taken = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def take(self) -> Shard | None:
        """The next shard; None where none is waiting."""
        with self._changed:
            if self._error is not None:
                raise self._error
            if not self._waiting:
                return None
            self._taken += 1
            return self._waiting.popleft()

    def done(self) -> None:
        """A shard that was taken is written."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    def give_back(self, shard: Shard) -> None:
        """A shard that was taken is not written."""
        with self._changed:
            self._taken -= 1
            self._waiting.appendleft(shard)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Nothing more is to be taken."""
        with self._changed:
            self._error = self._error or error
            self._taken -= 1
            self._changed.notify_all()

    def wait(self) -> bool:
        """Waits for those that are taken; whether there is something to take then."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error or not self._taken)
            return bool(self._waiting or self._error)


class _Helper:
    """A child process, and the thread that gives it shards."""

    def __init__(self, task: worker.Task, queue: _Queue, on_files: Callable[[int], None]) -> None:
        self._queue = queue
        self._on_files = on_files
        # Of an accelerator the memory belongs to the trainer.
        quiet = {"CUDA_VISIBLE_DEVICES": "-1", **frameworks.ERRORS_ONLY}
        # Finds the same modules as this one, wherever the user has them from.
        start = f"import sys; sys.path[:] = {sys.path!r}; import {worker.__name__} as w; w.main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **quiet},
        )
        self._ending = False
        self._thread = threading.Thread(target=self._feed, args=(task,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._ending = True
        self._process.kill()
        self._thread.join()
        self._process.wait()

    def _feed(self, task: worker.Task) -> None:
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        with contextlib.suppress(OSError), requests, replies:
            try:
                pickle.dump(task, requests)
                requests.flush()
                pickle.load(replies)  # it is up
                while (shard := self._take()) is not None:
                    self._hand_over(shard, requests, replies)
            except (OSError, EOFError, pickle.UnpicklingError):
                if not self._ending:
                    _log.warning(
                        "Worker process %d is lost; its pictures are converted by others.",
                        self._process.pid,
                    )

    def _take(self) -> Shard | None:
        try:
            return self._queue.take()
        except BaseException:  # another one's, which the caller of `run` is told
            return None

    def _hand_over(self, shard: Shard, requests: IO[bytes], replies: IO[bytes]) -> None:
        try:
            pickle.dump(shard, requests)
            requests.flush()
            error = pickle.load(replies)
        except BaseException:
            self._queue.give_back(shard)
            raise
        if error is not None:
            self._queue.fail(error)
            return
        self._queue.done()
        self._on_files(len(shard.pictures))
