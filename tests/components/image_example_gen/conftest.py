from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encodes a small picture, always the same one for the same seed."""

    def encode(seed=0, size=(8, 6), file_format="PNG", **options) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, file_format, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def photos(tmp_path: Path, encode: Encode) -> Path:
    """A data folder with 12 different pictures of ants and 12 of bees."""
    root = tmp_path / "photos"
    for index, label in enumerate(["ants"] * 12 + ["bees"] * 12):
        path = root / label / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(seed=index))
    return root
