"""The pictures of a run as a frozen backbone sees them: those that are kept, and the others."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.errors import TrainingError
from bitpipe.wording import counted
from components import progress
from components.bit import resnet_v2
from components.settings import LabelSafe
from components.training import features, inputs, loop, memory, pace
from components.training.probe import Examples
from components.training.selection import Selection

# Beyond it no machine is faster.
_MOST_PICTURES_AT_ONCE = 32
# Of these few batches the time of reading is measured, the first one not counted.
_MEASURED_BATCHES = 3
# As they are kept, in the order of the records, and standardised.
_COPIES = 3
# From so many pictures a class a head gains nothing from mirror images, which take as long as the
# pictures themselves (docs/results.md).
_MIRRORED_BELOW = 200


def is_mirrored(label_safe: LabelSafe, pictures_per_class: float) -> bool:
    """Whether a head is trained on mirror images as well.

    Args:
        label_safe: whether they bear the picture's label.
        pictures_per_class: pictures to train on, by the number of classes.
    """
    return label_safe.flip and pictures_per_class < _MIRRORED_BELOW


class Frozen:
    """Computes features where they are not kept.

    Args:
        model: of `resnet_v2.build`, with the weights of its backbone.
        files: gzipped TFRecords of the training split.
        transform: the output of the Transform stage.
        selection: of the records in `files`.
        class_names: in the order of the logits.
        size: side in pixels of the served network's pictures.
        mirrored: whether mirror images are wanted as well.
        kept_in: the folder of all features.
        code: see `features.identity`.
    """

    def __init__(
        self,
        model: keras.Model,
        files: Sequence[str],
        transform: tft.TFTransformOutput,
        selection: Selection,
        class_names: Sequence[str],
        *,
        size: int,
        mirrored: bool,
        kept_in: str,
        code: str,
    ) -> None:
        self._model = model
        self._width = model.get_layer(resnet_v2.FEATURES).output.shape[-1]
        self._files = files
        self._transform = transform
        self._selection = selection
        self._index = {name.encode(): index for index, name in enumerate(class_names)}
        self._size = size
        self._mirrored = mirrored
        # Before any features are held: else kept ones would count twice, and be refused.
        self._available = memory.host_bytes()
        name = features.identity(model, size, mirrored=mirrored, code=code)
        self._kept = features.Kept(kept_in, name)
        self._known = self._kept.read(
            digest for (_, digest), used in zip(selection.rows, self._used, strict=True) if used
        )

    @functools.cached_property
    def _forward(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Made when it is called for, which a probe does not where all features are kept."""
        network = features.network(self._model)
        return tf.function(
            lambda pictures: network(pictures, training=False),
            input_signature=[tf.TensorSpec([None, self._size, self._size, 3], tf.float32)],
        )

    @functools.cached_property
    def _batch_size(self) -> int:
        return memory.micro_batch_size(
            self._model, _MOST_PICTURES_AT_ONCE, self._size, memory.available_bytes()
        )

    def forward_s(self) -> float:
        """Seconds per picture of the network, measured."""
        count = self._batch_size
        if not tf.config.list_physical_devices("GPU"):
            count = min(count, pace.pictures_on_a_cpu(self._model, self._size))
        pictures = tf.random.uniform((count, self._size, self._size, 3))
        return pace.seconds(lambda: self._forward(pictures)) / count

    def seconds(self, forward_s: Callable[[], float], *, anew: bool = False) -> float:
        """How long it takes here to compute what is missing.

        Args:
            forward_s: measures seconds per view; asked only where something is missing, as the
                network has to be compiled for it.
            anew: of all pictures, as if nothing were kept, and without mirror images.
        """
        missing = self._used if anew else self._missing
        if not any(missing):
            return 0.0
        views = 1 + (self._mirrored and not anew)
        return sum(missing) * (self._reading_s(missing) + views * forward_s())

    def examples(self) -> tuple[Examples, Examples]:
        """Those that are trained on, and those that are held out; to be asked for once.

        Raises:
            TrainingError: a feature is no finite number, or the memory is too small for all.
        """
        missing = self._missing
        self._require_memory()
        if self._known and any(missing):
            progress.say(
                loop.STAGE,
                f"features of {counted(len(self._known), 'picture')} are kept from earlier runs, "
                f"those of {counted(sum(missing), 'picture')} are computed",
            )
        if any(missing):
            self._known |= features.compute(
                self._batches(missing),
                self._forward,
                self._kept,
                mirrored=self._mirrored,
                after=_Counted(sum(missing)),
            )
        self._kept.prune()
        both = self._of(self._selection.trained), self._of(self._selection.held_out)
        self._known = {}  # fine-tuning wants the memory
        return both

    def _require_memory(self) -> None:
        used = sum(self._used)
        needed = _COPIES * used * (1 + self._mirrored) * self._width * np.dtype(np.float32).itemsize
        if needed > self._available:
            raise TrainingError(
                f"the features of {used:,} pictures take {needed / 2**30:.1f} GiB of memory, "
                f"{self._available / 2**30:.1f} are free. Set train.method=fine_tune, or train "
                "on fewer with train.examples_per_class."
            )

    @property
    def _used(self) -> list[bool]:
        pairs = zip(self._selection.trained, self._selection.held_out, strict=True)
        return [one or other for one, other in pairs]

    @property
    def _missing(self) -> list[bool]:
        digests = [digest for _, digest in self._selection.rows]
        return features.missing(digests, self._used, self._known)

    def _batches(self, keep: Sequence[bool]) -> Iterator[tuple[list[bytes], tf.Tensor]]:
        digests = itertools.compress((digest for _, digest in self._selection.rows), keep)
        batches = inputs.evaluation_dataset(
            self._files, self._transform, batch_size=self._batch_size, keep=keep
        )
        for pictures, _ in batches:
            yield list(itertools.islice(digests, len(pictures))), pictures

    def _reading_s(self, keep: Sequence[bool]) -> float:
        batches = self._batches(keep)
        next(batches, None)
        started, count = time.monotonic(), 0
        for digests, _ in itertools.islice(batches, _MEASURED_BATCHES - 1):
            count += len(digests)
        return (time.monotonic() - started) / count if count else 0.0

    def _of(self, keep: Sequence[bool]) -> Examples:
        rows = list(itertools.compress(self._selection.rows, keep))
        values = [self._known[digest] for _, digest in rows]
        labels = np.array([self._index[label] for label, _ in rows], np.int64)
        return Examples(
            np.stack(values) if values else np.empty((0, 1, 0), np.float32),
            labels,
            tuple(digest for _, digest in rows),
        )


class _Counted:
    """Shows how many pictures have features."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = time.monotonic()

    def __call__(self, done: int) -> None:
        speed = done / max(time.monotonic() - self._started, 1e-9)
        progress.report(loop.STAGE, done, self._total, images_per_s=speed)
