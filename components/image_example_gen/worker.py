"""A process that writes shards of an ingest for another one, which starts it by `main`.

Reads pickles from its standard input: a task, then shards. Answers each on its standard output when
it is done, with None or the exception. Ends with its input, so that none is left behind.
"""

import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from components.image_example_gen import room


@dataclass(frozen=True)
class Task:
    """What is done with each shard.

    Attributes:
        write: see `workers.run`.
        threads: that it may use.
        turn: a file, see `room.sharing`.
    """

    write: Callable[..., None]
    threads: int
    turn: str


def main() -> None:
    """Serves until there is no more input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: who started this one decides
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what libraries print must not get in between
        requests = sys.stdin.buffer
        task: Task = pickle.load(requests)  # from the process that started this one
        with room.sharing(task.turn):
            _reply(replies.write, None)
            replies.flush()
            while True:
                try:
                    shard = pickle.load(requests)
                except EOFError:
                    return
                _reply(replies.write, _attempt(task, shard))
                replies.flush()


def _attempt(task: Task, shard: object) -> Exception | None:
    try:
        task.write(shard, threads=task.threads)
    except Exception as error:
        return error
    return None


def _reply(write: Callable[[bytes], int], error: Exception | None) -> None:
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # some exceptions cannot be made again
    except Exception:
        data = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    write(data)
