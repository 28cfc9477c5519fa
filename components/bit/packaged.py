"""The weights that come with the package: `bit-mini`, pre-trained here (docs/bit-mini.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bitpipe.errors import UnreachableWeightsError
from components.bit.source import IMAGENET, Source

# The file is written by `python -m pretraining export`; a test holds these against it and its card.
_FILE = Path(__file__).with_name("bit_mini.npz")
_VARIANT = "R26x0.5"
_SHA256 = "53b6a052ff4881c1ede617810e4b85f78a49df254e758a1889c6ef29874d544a"
_EVAL_SIZE = 128  # px; the size of the cool-down
TOP_1 = 0.560  # of held-out upstream pictures, among 1,000 classes
CLASSES_SHOWN = 293  # in which those pictures are

BACKBONE, CLASSIFIER = "bit-mini", "bit-mini-in1k"

SOURCES = {
    # The file has a head, which is cut off a backbone.
    BACKBONE: Source(variant=_VARIANT, address=str(_FILE), form="npz", sha256=_SHA256),
    CLASSIFIER: Source(
        variant=_VARIANT,
        address=str(_FILE),
        form="npz",
        num_classes=IMAGENET,
        eval_size=_EVAL_SIZE,
        sha256=_SHA256,
    ),
}

# What a run can be told to take instead.
FOR_A_RUN = f"--set model.backbone={BACKBONE}"


@contextlib.contextmanager
def offered(instead: str) -> Iterator[None]:
    """Adds to the error of weights that cannot be reached what does without a network.

    Args:
        instead: the option that takes the weights of this package.
    """
    try:
        yield
    except UnreachableWeightsError as error:
        raise UnreachableWeightsError(
            f"{error} Or take the weights that come with this package: {instead}."
        ) from error
