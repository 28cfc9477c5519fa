"""Says what picture files show, with a released network or an exported model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bitpipe.errors import UnreadablePictureError, WeightsError
from bitpipe.stores import named
from components.bit import exports, networks, packaged, sources

RELEASED = "bit-m-r50x1-ilsvrc2012"


def classify(
    images: Iterable[str | Path],
    backbone: str | None = None,
    *,
    variant: str | None = None,
    size: int | None = None,
    trusted: bool = False,
    on_unreadable: Callable[[UnreadablePictureError], None] | None = None,
    on_fallback: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
    """The labels of each picture with their scores, best first, as soon as they are known.

    Args:
        images: files in any format that `bitpipe.pictures` reads, folders of them, and patterns.
        backbone: where the weights come from, as of `components.bit.classifier.open_classifier`;
            `None` for BiT's released classifier where it is cached or can be fetched, else for the
            one of this package.
        variant: the network that the weights belong to; `None` for what `backbone` is known to be.
        size: side in pixels to which pictures are resized; `None` for what `backbone` is known to
            be judged on.
        trusted: the program of a SavedModel may be run; by default its weights are read alone.
        on_unreadable: is told of a file that is no picture, instead of an end with its error.
        on_fallback: is told in a sentence that the package's own classifier answers, and how good
            it is.

    Raises:
        DataError, ConfigError, WeightsError: at once, and before TensorFlow is imported where it is
            not needed to see the mistake.
        UnreadablePictureError: when the turn comes to a file that is no picture.
    """
    images = list(images)
    # Beside others, one that is not there has its answer where somebody wants to be told.
    named.check_named(images, all_there=on_unreadable is None or not named.any_there(images))
    if backbone is None:
        backbone = RELEASED if variant else _released_or_packaged(on_fallback)
    backbone = str(exports.export_in_service(backbone))
    sources.locate(backbone)
    sources.require_classifier(backbone)
    networks.variant_of(backbone, variant)

    from components.bit import files

    with packaged.offered(f"--backbone {packaged.CLASSIFIER}"):
        files.require_obtainable(backbone)

        from components.bit import classifier

        opened = classifier.open_classifier(backbone, variant=variant, size=size, trusted=trusted)
    return classifier.classify_files(opened, images, on_unreadable)


def _released_or_packaged(tell: Callable[[str], None]) -> str:
    from components.bit import files

    try:
        files.local(RELEASED)
    except WeightsError as error:
        tell(
            f"{error} Answering with {packaged.CLASSIFIER} of this package, which names "
            f"{packaged.TOP_1:.0%} of small pictures rightly, of the {packaged.CLASSES_SHOWN} "
            "classes of ImageNet that it was shown, fewer of sharp photographs, and hardly any of "
            "the other classes. Name it with --backbone to have it without this attempt."
        )
        return packaged.CLASSIFIER
    return RELEASED
