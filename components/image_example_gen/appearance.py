"""Sizes and single colours of the pictures, counted for the checks before training."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from components.image_example_gen.outcomes import AcceptedFile

# Of each class, the most frequent ones.
_MAX_SIZES = 20
_MAX_NAMED = 20

# A noisy picture of a covered lens is of one colour, too: standard deviation, levels of 255.
_MAX_SPREAD = 2.0
# Pixels looked at, along each side.
_LOOKED_AT = 256


def is_single_colour(pixels: np.ndarray) -> bool:
    """Whether a picture shows nothing: (H, W, 3) uint8."""
    height, width, _ = pixels.shape
    some = pixels[:: math.ceil(height / _LOOKED_AT), :: math.ceil(width / _LOOKED_AT)]
    # Most pictures are told by a few of their pixels.
    if np.ptp(some[::16, ::16].reshape(-1, 3), axis=0).max() > 16 * _MAX_SPREAD:
        return False
    return bool(some.reshape(-1, 3).std(axis=0).max() <= _MAX_SPREAD)


def describe(files: Iterable[AcceptedFile]) -> dict[str, Any]:
    """What `ingest.json` says of the looks of the pictures.

    Args:
        files: those that become examples, in any order.

    Returns:
        `shorter_sides`: pairs of pixels and pictures; `sizes`: class -> width, height and pictures
        of its most frequent sizes; `single_colour`: how many show nothing but one colour;
        `of_one_colour`: names of the first of them.
    """
    sides: Counter[int] = Counter()
    sizes: dict[str, Counter[tuple[int, int]]] = {}
    plain = []
    for file in files:
        sides[min(file.width, file.height)] += 1
        sizes.setdefault(file.label, Counter())[file.width, file.height] += 1
        if file.single_colour:
            plain.append(file.filename)
    return {
        "shorter_sides": sorted(sides.items()),
        "sizes": {
            label: [[*size, count] for size, count in _most(found)]
            for label, found in sorted(sizes.items())
        },
        "single_colour": len(plain),
        "of_one_colour": sorted(plain)[:_MAX_NAMED],
    }


def _most(found: Counter[tuple[int, int]]) -> list[tuple[tuple[int, int], int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MAX_SIZES]
