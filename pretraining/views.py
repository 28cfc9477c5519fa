"""Fixed views of pictures: which crop, mirrored or not. Teacher and student see the same.

A view depends on (seed, picture, view) alone, so that answers written today fit a student of
tomorrow, and more pictures or views change none of those that were there before.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from PIL import Image

# Share of the picture's area. The first view shows nearly all of it, as at test time; the others
# are stronger crops: they keep the student from learning 100,000 pictures by heart.
FIRST_AREA = (0.7, 1.0)
OTHER_AREA = (0.25, 1.0)
ASPECT = (3 / 4, 4 / 3)  # width / height of the crop, relative to the picture's own


@dataclasses.dataclass(frozen=True)
class Views:
    """One view of each of N pictures.

    Attributes:
        boxes: (N, 4) float32, left, top, right and bottom as shares of width and height.
        flips: (N,) bool, whether it is mirrored left to right.
    """

    boxes: np.ndarray
    flips: np.ndarray


def of(count: int, seed: int, view: int) -> Views:
    """View number `view`, from 0, of the first `count` pictures."""
    # Row by row: picture i gets the same five numbers however many follow.
    numbers = np.random.default_rng((seed, view)).random((count, 5))
    low, high = FIRST_AREA if view == 0 else OTHER_AREA
    area = low + (high - low) * numbers[:, 0]
    narrow, wide = map(math.log, ASPECT)
    aspect = np.exp(narrow + (wide - narrow) * numbers[:, 1])
    width = np.minimum(np.sqrt(area * aspect), 1)
    height = np.minimum(np.sqrt(area / aspect), 1)
    left = (1 - width) * numbers[:, 2]
    top = (1 - height) * numbers[:, 3]
    boxes = np.stack([left, top, left + width, top + height], axis=1).astype(np.float32)
    return Views(boxes, numbers[:, 4] < 0.5)


def whole(count: int) -> Views:
    """The whole of each picture, for judging."""
    return Views(np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1)), np.zeros(count, bool))


def shifted(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Boxes moved inside their pictures.

    Args:
        boxes: (..., 4), as in `Views`.
        shifts: (..., 2), to the right and down, as shares of a box's own sides.
    """
    sizes = boxes[..., 2:] - boxes[..., :2]
    corners = np.clip(boxes[..., :2] + shifts * sizes, 0, 1 - sizes)
    return np.concatenate([corners, corners + sizes], axis=-1)


def render(
    picture: np.ndarray,
    box: np.ndarray,
    flip: bool,
    size: int,
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> np.ndarray:
    """A view as the network sees it.

    Args:
        picture: (H, W, 3) uint8.
        box: (4,), as in `Views`.
        flip: whether it is mirrored.
        size: side in pixels of the result, to which the box is squashed.
        resampling: how; a picture that shrinks is smoothed in every case.

    Returns:
        (size, size, 3) uint8.
    """
    height, width = picture.shape[:2]
    scale = np.array([width, height, width, height])
    # Rounding must not carry the box over the picture's border.
    left, top, right, bottom = np.clip(box * scale, 0, scale)
    image = Image.fromarray(picture).resize((size, size), resampling, (left, top, right, bottom))
    pixels = np.asarray(image)
    return pixels[:, ::-1] if flip else pixels
