"""Features of pictures under a frozen backbone, computed once and kept for the next night.

What is kept is found by what it hangs on: the backbone's weights, the size and the code that
prepares a picture name a folder, the digest of a picture's pixels a row in it. A folder holds
*shards*, each written whole or not at all, so that a killed run has lost the last half minute.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import time
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from bitpipe.errors import TrainingError
from components.bit import matching, resnet_v2

_log = logging.getLogger(__name__)

# Seconds of work that a kill may cost.
_SHARD_S = 30.0
# What is kept beyond what the run at hand needs: a million rows of R50x1's.
_MOST_BYTES = 8 << 30
_ENDING = ".npz"
_UNFINISHED = ".tmp"
_UNREAD = "The features in %s cannot be read now and are computed anew: %s"
# What is older belongs to a run that was killed; as in pipeline/scratch.py.
_ABANDONED_S = 24 * 3600.0


def network(model: keras.Model) -> keras.Model:
    """The served network without its head: (B, H, W, 3) float32 in [0, 1] -> (B, C) float32.

    Its kernels are standardised, as the exported model's are; it shares no variables with `model`.
    It computes in the precision that `model` trains in, as a GPU is faster in a mixed one; there,
    features differ from those of a float32 export by the rounding of bfloat16 or float16.
    """
    folded = resnet_v2.fold(model, one_pass=True)
    return keras.Model(folded.input, folded.get_layer(resnet_v2.FEATURES).output)


def identity(model: keras.Model, size: int, *, mirrored: bool, code: str) -> str:
    """What features hang on beside the picture: 32 hex digits.

    Args:
        model: of `resnet_v2.build`; its head does not count.
        size: side in pixels to which pictures are resized.
        mirrored: whether there is a second row of features, of the mirror image.
        code: the version of what prepares a picture and of what the network computes.
    """
    digest = hashlib.sha256()
    precision = model.get_layer(resnet_v2.FEATURES).input.dtype
    digest.update(repr((code, tf.__version__, size, mirrored, precision)).encode())
    for variable in model.variables:
        name = str(matching.canonical_name(variable.path))
        if name.startswith(f"{resnet_v2.HEAD}/"):
            continue
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value))
        digest.update(f"{name}\0{value.shape}\0".encode())
        digest.update(value.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:32]


class Kept:
    """The features of one identity in a folder, on a disk or in a store.

    What cannot be read counts as not there, and only what was read and is damaged is removed; what
    cannot be written costs the next run its time. Several runs may share the root.

    Args:
        root: parent of the folders of all identities; made where it is missing.
        name: `identity`.
    """

    def __init__(self, root: str, name: str) -> None:
        self._root = root.rstrip("/")
        self._folder = f"{self._root}/{name}"
        self._used: set[str] = set()

    def read(self, wanted: Iterable[bytes]) -> dict[bytes, np.ndarray]:
        """Digest -> (views, C) float32 of those of the wanted pictures that are kept."""
        missing = set(wanted)
        found: dict[bytes, np.ndarray] = {}
        for path in _paths(self._folder, _ENDING):
            for digest, values in _rows(path):
                if digest in missing:
                    found[digest] = values.copy()  # a view would hold all rows of the shard
                    missing.discard(digest)
                    self._used.add(path)
        for path in self._used:
            with contextlib.suppress(OSError):  # a store has no such time
                os.utime(path)
        return found

    def write(self, rows: dict[bytes, np.ndarray]) -> None:
        """Keeps (views, C) of each digest, in one shard that appears whole."""
        digests = sorted(rows)
        name = hashlib.sha256(b"".join(digests)).hexdigest()[:32]
        path = f"{self._folder}/{name}{_ENDING}"
        # A name of its own: another run may write the same features.
        unfinished = f"{self._folder}/{name}.{uuid.uuid4().hex}{_UNFINISHED}"
        content = io.BytesIO()
        np.savez(content, digests=np.array(digests), values=np.stack([rows[d] for d in digests]))
        try:
            tf.io.gfile.makedirs(self._folder)
            with tf.io.gfile.GFile(unfinished, "wb") as file:
                file.write(content.getvalue())
            tf.io.gfile.rename(unfinished, path, overwrite=True)
        except (tf.errors.OpError, OSError) as error:
            _log.warning("Features cannot be kept in %s: %s", self._folder, error)
            _remove(unfinished)
        self._used.add(path)

    def prune(self, most_bytes: int = _MOST_BYTES) -> None:
        """Removes what a killed run has left unfinished, and the shards unused for longest.

        Those that `read` or `write` have used stay, however many they are; so does what another run
        may be writing just now.
        """
        abandoned_nsec = (time.time() - _ABANDONED_S) * 1e9
        for path, facts in _facts(f"{self._root}/*", _UNFINISHED).items():
            if facts.mtime_nsec < abandoned_nsec:
                _remove(path)
        shards = _facts(f"{self._root}/*", _ENDING)
        total = sum(facts.length for facts in shards.values())
        for path in sorted(shards.keys() - self._used, key=lambda path: shards[path].mtime_nsec):
            if total <= most_bytes:
                break
            total -= shards[path].length
            _remove(path)


def compute(
    pictures: Iterable[tuple[Sequence[bytes], tf.Tensor]],
    forward: Callable[[tf.Tensor], tf.Tensor],
    kept: Kept,
    *,
    mirrored: bool,
    after: Callable[[int], None] = lambda _: None,
) -> dict[bytes, np.ndarray]:
    """Digest -> (views, C) float32: the features of each picture and of its mirror image.

    Args:
        pictures: batches of (B,) digests and (B, H, W, 3) float32 pictures in [0, 1].
        forward: pictures -> features (B, C).
        kept: gets what is new every half minute and at the end.
        mirrored: whether the mirror image is computed as well.
        after: is told how many pictures are done.

    Raises:
        TrainingError: a feature is no finite number.
    """
    found: dict[bytes, np.ndarray] = {}
    unwritten: dict[bytes, np.ndarray] = {}
    written = time.monotonic()
    for digests, images in pictures:
        views = [images, tf.reverse(images, [2])] if mirrored else [images]
        values = np.stack([np.asarray(forward(view), np.float32) for view in views], axis=1)
        if not np.isfinite(values).all():
            raise TrainingError(
                "the backbone answers a picture with what is no number. Take another "
                "model.backbone, or train.precision=float32."
            )
        unwritten.update(zip(digests, values, strict=True))
        after(len(found) + len(unwritten))
        if time.monotonic() - written > _SHARD_S:
            kept.write(unwritten)
            found |= unwritten
            unwritten, written = {}, time.monotonic()
    if unwritten:
        kept.write(unwritten)
    return found | unwritten


def missing(digests: Sequence[bytes], used: Sequence[bool], known: Container[bytes]) -> list[bool]:
    """Which records have to be computed: of the used ones, the first of each digest not known."""
    seen: set[bytes] = set()
    first = []
    for digest, is_used in zip(digests, used, strict=True):
        first.append(is_used and digest not in known and digest not in seen)
        if is_used:
            seen.add(digest)
    return first


def _paths(folder: str, ending: str) -> list[str]:
    try:
        return sorted(tf.io.gfile.glob(f"{folder}/*{ending}"))
    except tf.errors.NotFoundError:
        return []
    except (tf.errors.OpError, OSError) as error:
        _log.warning("What is kept in %s cannot be listed: %s", folder, error)
        return []


def _facts(folder: str, ending: str) -> dict[str, tf.io.gfile.FileStatistics]:
    """Length and time of each file that is still there."""
    found = {}
    for path in _paths(folder, ending):
        with contextlib.suppress(tf.errors.OpError, OSError):  # another run has removed it
            found[path] = tf.io.gfile.stat(path)
    return found


def _remove(path: str) -> None:
    with contextlib.suppress(tf.errors.OpError, OSError):  # gone, or the next run's
        tf.io.gfile.remove(path)


def _rows(path: str) -> Iterator[tuple[bytes, np.ndarray]]:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = io.BytesIO(file.read())
    except (tf.errors.OpError, OSError) as error:
        _log.warning(_UNREAD, path, error)
        return
    try:
        with np.load(content, allow_pickle=False) as arrays:  # which compares checksums
            digests, values = arrays["digests"], arrays["values"]
    except MemoryError as error:  # says nothing of the file
        _log.warning(_UNREAD, path, error)
        return
    # A cut file makes NumPy and zipfile raise whatever it leads to.
    except Exception as error:
        _log.warning("The features in %s are damaged and computed anew: %s", path, error)
        _remove(path)
        return
    yield from zip(digests.tolist(), values, strict=True)
