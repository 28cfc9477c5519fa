"""The demo's data: scikit-learn's handwritten digits as PNG files in class folders."""

from __future__ import annotations

import shutil
from pathlib import Path

HELD_OUT_PER_CLASS = 2


def write(root: Path) -> tuple[Path, Path]:
    """Writes 1,797 pictures of 8x8 pixels below `root` unless they are there.

    Returns:
        The data folder (`digits/0/0000.png`, ...) and the folder of pictures that the pipeline
            never
        sees (`held_out/7/0042.png`, ...), HELD_OUT_PER_CLASS of each class.
    """
    data, held_out = root / "digits", root / "held_out"
    if data.is_dir() and held_out.is_dir():
        return data, held_out
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    staging = root / ".digits"
    shutil.rmtree(staging, ignore_errors=True)
    written = dict.fromkeys(range(10), 0)
    for index, (picture, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        destination = held_out if written[label] < HELD_OUT_PER_CLASS else data
        written[label] += 1
        folder = staging / destination.name / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        # The set stores 17 grey levels, 0 to 16.
        Image.fromarray((picture * (255 / 16)).astype("uint8")).save(folder / f"{index:04}.png")
    for part in (held_out, data):
        shutil.rmtree(part, ignore_errors=True)
        (staging / part.name).rename(part)
    staging.rmdir()
    return data, held_out
