"""Generated pictures: nothing binary is committed, and their classes are easy to learn."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


def picture(colour, *, size=(20, 14), form="PNG", noise=0, seed=0):
    """An encoded picture of one colour, `size` in (width, height), with uniform noise."""
    width, height = size
    pixels = np.full((height, width, 3), COLOURS[colour], np.int16)
    pixels += np.random.default_rng(seed).integers(-noise, noise + 1, pixels.shape, np.int16)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, form)
    return buffer.getvalue()


def write_folder(root: Path, per_class: int, *, noise: int = 60) -> Path:
    """`root/<colour>/<n>.png|jpg`: different pictures, half of them JPEG."""
    for colour in COLOURS:
        folder = root / colour
        folder.mkdir(parents=True)
        for index in range(per_class):
            form, ending = (("PNG", "png"), ("JPEG", "jpg"))[index % 2]
            data = picture(colour, size=(24, 20 + index % 3), form=form, noise=noise, seed=index)
            (folder / f"{index:03}.{ending}").write_bytes(data)
    return root
