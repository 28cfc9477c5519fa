"""Says what picture files show, with a network as it is: released by BiT's authors, or our export.

Pictures are fed one by one: memory stays flat, each answer can be shown as soon as it is known, and
on a CPU a batch of 480 px pictures is no faster.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from bitpipe.errors import (
    ConfigError,
    ModelLoadError,
    UnreadablePictureError,
    WeightsError,
)
from bitpipe.model import description, signature
from bitpipe.stores import files
from bitpipe.stores.links import without_pattern
from bitpipe.stores.store import Found
from components.bit import exports, imagenet, networks, resnet_v2, sources, weights
from components.bit.source import IMAGENET
from serving.model import saved_model


class Classifier(Protocol):
    """Knows a number of classes by name."""

    def answer(self, picture: bytes) -> tuple[list[str], np.ndarray]:
        """Upright JPEG or PNG -> names of the classes and their scores, in the same order.

        The scores are (classes,) float32 and sum to 1.

        Raises:
            tf.errors.InvalidArgumentError: TensorFlow cannot decode it.
        """


def open_classifier(
    source: str | Path,
    *,
    variant: str | None = None,
    size: int | None = None,
    trusted: bool = False,
) -> Classifier:
    """A classifier from a source of weights (see `components.bit.weights`).

    Args:
        source: with a head for the 1,000 classes of ILSVRC-2012, or an exported model of ours; of
            a folder with versions of one, or with one such folder, the newest is taken.
        variant: the network the weights belong to; None for what `source` is known to be.
        size: side in pixels of the square to which pictures are resized; None for what `source` is
            known to be judged on.
        trusted: the program of a SavedModel may be run. By default what an export of ours says of
            itself is read, its weights are too, and nothing of it is run.

    Raises:
        ConfigError: an unknown variant, or one given where the model itself says it.
        WeightsError: the source cannot be had or read, or has no such head.
    """
    source = exports.export_in_service(source)
    path = Path(source).expanduser()
    if not is_export(path):
        return ReleasedClassifier(source, variant=variant, size=size, trusted=trusted)
    if variant is not None or size is not None:
        raise ConfigError(
            f"an exported model knows its own network and picture size. Received: {source} with "
            "a variant or a size. Leave them out."
        )
    if trusted:
        return ExportedClassifier(path)
    return DescribedClassifier(path)


def classify_files(
    classifier: Classifier,
    inputs: Iterable[str | Path],
    on_unreadable: Callable[[UnreadablePictureError], None] | None = None,
) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
    """Each picture's path with (name, score) of every class, highest score first.

    Args:
        classifier: of `open_classifier`, say.
        inputs: files, folders and patterns, as for `files.find`.
        on_unreadable: is told of a file that is missing or not a picture, and the next one's turn
            comes.

    Raises:
        UnreadablePictureError: such a file, where nobody wants to be told; those before it have
            been answered.
    """
    for found in files.find(inputs):
        try:
            names, scores = _answer(classifier, found)
        except UnreadablePictureError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
            continue
        order = np.argsort(-scores, kind="stable")
        yield Path(found.path), [(names[index], float(scores[index])) for index in order]


def _answer(classifier: Classifier, found: Found) -> tuple[list[str], np.ndarray]:
    try:
        return classifier.answer(files.read(found))
    except tf.errors.InvalidArgumentError as error:
        raise UnreadablePictureError("TensorFlow cannot decode it", found.path) from error


class _Network:
    """A network with class names; its pictures are squashed to a square of `size` pixels."""

    def __init__(
        self, model: keras.Model, names: Sequence[str], size: int, temperature: float = 1.0
    ) -> None:
        self._model = resnet_v2.fold(model)
        self._temperature = temperature
        self._names = list(names)
        self._size = size

    def answer(self, picture: bytes) -> tuple[list[str], np.ndarray]:
        """See `Classifier.answer`."""
        # Decoding has no GPU kernel, and on a GPU host the picture would travel twice.
        with tf.device("/cpu:0"):
            pixels = tf.io.decode_image(picture, channels=3, expand_animations=False)
            # Bilinear without antialiasing, as BiT's own evaluation.
            image = tf.image.resize(pixels, [self._size, self._size]) / 255.0
        logits = self._model.predict_on_batch(image[tf.newaxis])
        scores = keras.ops.softmax(logits / self._temperature)
        return self._names, keras.ops.convert_to_numpy(scores)[0]


class ReleasedClassifier(_Network):
    """A network with a head for ILSVRC-2012. Arguments and errors as of `open_classifier`."""

    def __init__(
        self,
        source: str | Path,
        *,
        variant: str | None = None,
        size: int | None = None,
        trusted: bool = False,
    ) -> None:
        sources.require_classifier(source)
        known = sources.find(source) or sources.find_by_file_name(source)
        model = resnet_v2.build(networks.variant_of(source, variant), IMAGENET)
        _load_with_head(model, source, trusted)
        super().__init__(
            model,
            imagenet.labels(),
            size or (known and known.eval_size) or sources.FINE_TUNED_SIZE,
        )


class DescribedClassifier(_Network):
    """An exported model by its weights and by what it says of itself; its program is not run.

    Args:
        path: a folder for which `is_export` holds.

    Raises:
        WeightsError: it is damaged, or does not say what it is.
    """

    def __init__(self, path: Path) -> None:
        try:
            known = description.read(str(path))
        except ModelLoadError as error:
            raise WeightsError(str(error)) from error
        if known is None:
            raise WeightsError(
                f"{path} does not say what it is, as models of this bitpipe do in "
                f"{description.PLACE}; and a SavedModel is a program that may do anything. If you "
                "trust its maker, say --trust-backbone, or export the model again."
            )
        model = resnet_v2.build(known.variant, len(known.labels))
        weights.load(model, path, head=True)
        super().__init__(model, known.labels, known.size, known.temperature)


class ExportedClassifier:
    """A model exported by the pipeline, run with the names and the preprocessing it carries.

    Args:
        path: a folder for which `is_export` holds.

    Raises:
        WeightsError: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            # All of it is kept, because its signature does not keep the variables alive.
            with without_pattern(str(path)) as folder:
                self._module = tf.saved_model.load(folder)
        except Exception as error:  # loading runs into every kind of error a graph can have
            raise WeightsError(
                f"cannot load the exported model {path}: it is damaged. Export or copy it again."
            ) from error

    def answer(self, picture: bytes) -> tuple[list[str], np.ndarray]:
        """See `Classifier.answer`; the classes are the model's own."""
        classify = self._module.signatures[signature.SERVING]
        outputs = classify(**{signature.IMAGE: tf.constant([picture])})
        names = [name.decode() for name in outputs[signature.LABELS].numpy()[0]]
        return names, outputs[signature.SCORES].numpy()[0]


def is_export(path: Path) -> bool:
    """Whether a folder holds a SavedModel with the production signature of our exports."""
    try:
        saved_model.check_signature(str(path))
    except ModelLoadError:
        return False
    return True


def _load_with_head(model: keras.Model, source: str | Path, trusted: bool) -> None:
    try:
        weights.load(model, source, head=True, trusted=trusted)
    except WeightsError as error:
        # The head of released weights is known to fit; their download is not tried twice.
        if sources.find(source) or not _loads_without_head(model, source, trusted):
            raise
        raise WeightsError(
            f"{source} cannot say what a picture shows: it has no head, or not one for the "
            f"{IMAGENET:,} classes of ImageNet. Use a released one such as "
            "bit-m-r50x1-ilsvrc2012, or fine-tune it on photos of yours with `bitpipe run`."
        ) from error


def _loads_without_head(model: keras.Model, source: str | Path, trusted: bool) -> bool:
    try:
        weights.load(model, source, head=False, trusted=trusted)
    except WeightsError:
        return False
    return True
