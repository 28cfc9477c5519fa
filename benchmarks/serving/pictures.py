"""Real picture files, made of a seed: shapes, so that they compress as photos do, and noise."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

SMALL = (128, 128)
LARGE = (640, 480)
SHAPES = 12
NOISE = 12  # standard deviation, of 255: about what a phone's camera leaves


def encode(seed: int, size: tuple[int, int] = SMALL, form: str = "JPEG") -> bytes:
    """One picture.

    Args:
        seed: another one makes another picture.
        size: width and height in pixels.
        form: Pillow's name of the format.
    """
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(map(int, rng.integers(256, size=3))))
    draw = ImageDraw.Draw(image)
    for _ in range(SHAPES):
        (left, right), (top, bottom) = (np.sort(rng.integers(side, size=2)) for side in size)
        box = [int(left), int(top), int(right), int(bottom)]
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=tuple(map(int, rng.integers(256, size=3))))
    noisy = np.asarray(image) + rng.normal(0, NOISE, (size[1], size[0], 3))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, form)
    return buffer.getvalue()


def encode_many(count: int, seed: int, size: tuple[int, int] = SMALL) -> list[bytes]:
    """Different JPEG files; the same for the same seed, in whatever process."""
    return [encode(seed * 1000 + number, size) for number in range(count)]
