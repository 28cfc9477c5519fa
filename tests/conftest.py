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

TESTS = Path(__file__).parent
# Folders whose tests share what takes long to make, the longest first: started last, it would end
# long after everything else.
SHARING = ("e2e", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share fixtures on one of pytest-xdist's workers: a file's, or a folder's."""
    for item in items:
        place = item.path.relative_to(TESTS)
        shared = place.parts[0] in SHARING
        item.add_marker(pytest.mark.xdist_group(place.parts[0] if shared else str(place)))
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] not in SHARING)


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
