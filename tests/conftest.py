"""Settings and fixtures of the whole suite."""

import importlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

# The machines are shared: a rule that holds must not fail because a neighbour was busy.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encodes a picture of one colour."""

    def encode_picture(colour: str, size: tuple[int, int] = (8, 6), form: str = "PNG") -> bytes:
        buffer = BytesIO()
        Image.new("RGB", size, colour).save(buffer, form)
        return buffer.getvalue()

    return encode_picture


@pytest.fixture
def bucket() -> Callable[[Path], str]:
    """Path -> its address in a store that Beam reaches."""
    importlib.import_module("tests.bucket")  # registers the store; Beam takes seconds

    return lambda path: f"bucket://{path}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten pictures in red, lime and blue by turns, of which 4.png is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        colour = ("red", "lime", "blue")[number % 3]
        Image.new("RGB", (8, 6), colour).save(folder / f"{number}.png")
    (folder / "4.png").write_bytes(b"no picture")
    return folder
