"""A headless Chromium on the page of a server which can be made to fail."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium import webdriver

from tests.serving.web.reader import Page
from tests.serving.web.stub import RED, Stub

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

# Runs before the page's own scripts.
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium or its driver is missing: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # The first because root may not have a sandbox, the second for a small /dev/shm.
    for argument in ("--no-sandbox", "--disable-dev-shm-usage", "--headless=new"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH_POLICY})
    yield driver
    driver.quit()


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
