"""One run at a time writes into a folder of answers."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bitpipe.errors import AnswerFileError
from bitpipe.stores.paths import is_remote
from serving.batch import job as jobs


@contextlib.contextmanager
def held(out: str) -> Iterator[None]:
    """Keeps a second run on this machine out of the folder, which is made where it is missing.

    A folder that stays empty is removed. In a store, nothing is kept out.

    Raises:
        AnswerFileError: another run writes into it, or it cannot be made.
    """
    if is_remote(out):
        yield
        return
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise jobs.unwritable(out, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AnswerFileError(
            f"{out} is being written by another run. Wait for it, or name another folder with "
            f"--out."
        ) from error
    else:
        yield
    finally:
        os.close(descriptor)
        for empty in (folder / "shards", folder):  # where the job was never begun
            with contextlib.suppress(OSError):
                empty.rmdir()
