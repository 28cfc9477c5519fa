"""Pictures in stores that only `tf.io.gfile` can open, as with `gs://bucket/photos`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from components.image_example_gen.sources.tree import Entry, join

# A remote listing waits for the network once per name, not for the processor.
_LISTING_THREADS = 32

# What a file itself is to blame for.
_SAME = {
    tf.errors.NotFoundError: FileNotFoundError,
    tf.errors.PermissionDeniedError: PermissionError,
    tf.errors.FailedPreconditionError: IsADirectoryError,
}


def scan(path: str) -> Iterator[Entry]:
    """Lists one folder; raises FileNotFoundError when there is none."""

    def entry(name: str) -> Entry:
        if name.endswith("/"):  # Object stores mark folders so, and have no times for them.
            return Entry(name.rstrip("/"), is_folder=True)
        stat = tf.io.gfile.stat(join(path, name))
        return Entry(name, stat.is_directory, stat.length, stat.mtime_nsec)

    try:
        names = tf.io.gfile.listdir(path)
        with ThreadPoolExecutor(_LISTING_THREADS) as pool:
            yield from pool.map(entry, names)
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(path) from error
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def read(path: str) -> bytes:
    """The bytes of a file; raises what `Source.read` says."""
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return bytes(file.read())
    except tuple(_SAME) as error:
        raise _SAME[type(error)](error.message.split("; ")[-1]) from None
