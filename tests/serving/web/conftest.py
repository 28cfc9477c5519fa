"""A headless Chromium on the page of a server which can be made to fail."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.serving.web.reader import Page
from tests.serving.web.stub import RED, Stub


@pytest.fixture
def page(driver: Any) -> Iterator[Page]:
    """The page of a server in good health, 1000 px wide."""
    stub = Stub()
    stub.start()
    driver.set_window_size(1000, 900)
    driver.get_log("browser")
    driver.get_log("performance")
    page = Page(driver, stub)
    page.open()
    yield page
    driver.get("about:blank")
    stub.stop()


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture of one colour."""

    def write(name: str, colour: tuple[int, ...] = RED, **options: Any) -> Path:
        path = tmp_path / name
        mode = "RGBA" if len(colour) == 4 else "RGB"
        Image.new(mode, options.pop("size", (40, 30)), colour).save(path, **options)
        return path

    return write
