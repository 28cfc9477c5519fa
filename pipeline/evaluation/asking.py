"""Models in this process, and what they say of the pictures of a data set."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bitpipe.errors import ModelLoadError
from bitpipe.model.signature import LABEL, LABELS, SCORES, SERVING
from bitpipe.names import storable
from components.gate import predictions
from components.gate.predictions import Answer, Prediction
from components.image_example_gen import images
from components.image_example_gen.images import Image, RejectedImageError
from components.image_example_gen.listing import ListedPicture
from components.image_example_gen.settings import DataSettings
from serving.model import saved_model
from serving.model.servable import SavedModelServable
from serving.status import InvalidArgumentError, StatusError

_PICTURES_AT_ONCE = 16
# Batches whose pictures are read while the models are asked about one.
_READ_AHEAD = 2


class Model:
    """A SavedModel with the production signature, as servers run it.

    Args:
        path: its folder, also in a store that TensorFlow reads.

    Attributes:
        labels: its classes, once it was asked about a picture.

    Raises:
        ModelLoadError: it has another signature, or is damaged.
    """

    def __init__(self, path: str) -> None:
        saved_model.check_signature(path)
        self.path = path
        self.labels: tuple[str, ...] = ()
        try:
            self._servable = SavedModelServable(path)
        except (StatusError, ValueError, OSError) as error:
            raise ModelLoadError(
                f"{path} cannot be loaded: {error} Copy it again, or name another one."
            ) from error

    def answers(self, shown: Sequence[Image]) -> list[Answer]:
        """What it says of pictures.

        Raises:
            InvalidArgumentError: it refuses one of them.
        """
        outputs = self._servable.run(SERVING, [np.array([one.image for one in shown], object)])
        said = outputs.get(LABEL, [None] * len(shown))
        self.labels = tuple(name.decode() for name in outputs[LABELS][0])
        return [
            predictions.answer(
                scores,
                [name.decode() for name in names],
                label=one.label,
                said=label.decode() if isinstance(label, bytes) else None,
            )
            for one, scores, names, label in zip(
                shown, outputs[SCORES], outputs[LABELS], said, strict=True
            )
        ]


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was said; attributes as of `judging.Judged`."""

    predictions: tuple[Prediction, ...]
    rejected: tuple[dict[str, str], ...]
    changed: int


def ask(
    models: Sequence[Model],
    data: str,
    pictures: Sequence[ListedPicture],
    settings: DataSettings,
    watch: Callable[[int, int], None],
) -> Asked:
    """Shows each picture to one model or two; one that is refused by either is rejected.

    Args:
        models: the second is the `baseline` of the answers.
        data: path of the listing.
        pictures: of it.
        settings: which pictures may be read.
        watch: is told how many pictures are done, of how many.
    """
    found: list[Prediction] = []
    rejected: list[dict[str, str]] = []
    changed = done = 0
    for group in _read(data, pictures, settings):
        shown = []
        for picture, image in group:
            if isinstance(image, RejectedImageError):
                rejected.append({"filename": storable(picture.path), "reason": str(image)})
            else:
                shown.append(image)
                changed += image.changed
        for one in _answered(models, shown):
            (found if isinstance(one, Prediction) else rejected).append(one)  # type: ignore[arg-type]
        done += len(group)
        watch(done, len(pictures))
    return Asked(
        tuple(sorted(found, key=lambda one: one.filename)),
        tuple(sorted(rejected, key=lambda one: one["filename"])),
        changed,
    )


def read(
    data: str, settings: DataSettings, picture: ListedPicture
) -> tuple[ListedPicture, Image | RejectedImageError]:
    """A picture as the ingest would make it, or why it would not."""
    try:
        return picture, images.read_image(
            data,
            picture,
            int(settings.max_megapixels * 1e6),
            allow_truncated=settings.allow_truncated,
        )
    except RejectedImageError as error:
        return picture, error


def _read(
    data: str, pictures: Sequence[ListedPicture], settings: DataSettings
) -> Iterator[list[tuple[ListedPicture, Image | RejectedImageError]]]:
    rest = iter(pictures)
    groups = iter(lambda: list(itertools.islice(rest, _PICTURES_AT_ONCE)), [])
    one = functools.partial(read, data, settings)
    with ThreadPoolExecutor(images.THREADS) as pool:
        waiting = deque(pool.map(one, group) for group in itertools.islice(groups, _READ_AHEAD))
        while waiting:
            yield list(waiting.popleft())
            waiting += [pool.map(one, group) for group in itertools.islice(groups, 1)]


def _answered(
    models: Sequence[Model], shown: Sequence[Image]
) -> Iterator[Prediction | dict[str, str]]:
    if not shown:
        return
    try:
        said = [model.answers(shown) for model in models]
    except InvalidArgumentError as error:
        if len(shown) == 1:
            yield {"filename": shown[0].filename, "reason": f"a model refuses it: {error}"}
        else:
            for one in shown:
                yield from _answered(models, [one])
        return
    for image, *answers in zip(shown, *said, strict=True):
        yield Prediction(
            image.filename,
            image.sha256,
            image.label,
            answers[0],
            answers[1] if len(answers) > 1 else None,
        )
