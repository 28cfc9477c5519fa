"""What the tests of `workers` let processes do; loads no framework in them."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace


def shards(count):
    """As far as `workers` looks into them."""
    return [SimpleNamespace(index=n, pictures=(), kept={}) for n in range(count)]


def write(shard, *, threads, log, parent, lost, broken=False, on_file=lambda: None):
    """Notes who wrote what. As many helpers as said are killed over their first shards.

    The parent waits for the others, so that they have something to do.
    """
    del threads
    log = Path(log)
    if os.getpid() == parent:
        deadline = time.monotonic() + 20
        wanted = [f"killed {n}" for n in range(lost)] or ["helped"]
        while not all((log / name).exists() for name in wanted) and time.monotonic() < deadline:
            time.sleep(0.01)
    else:
        if broken:
            (log / "helped").touch()
            raise OSError(28, "No space left on device")
        for number in range(lost):
            try:
                (log / f"killed {number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        (log / "helped").touch()
    (log / f"{shard.index} by {os.getpid()}").touch()
    on_file()


def writing(log, **how):
    """`write`, for `workers.run`."""
    return partial(write, log=str(log), parent=os.getpid(), **how)
