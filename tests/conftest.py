"""Settings and fixtures of the whole suite."""

import importlib
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

from tests.web_pages import Pages, served

# The machines are shared: a rule that holds must not fail because a neighbour was busy.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

# Runs before a page's own scripts.
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""

# Folders whose tests share what takes long to make, the longest first: started last, it would end
# long after everything else.
SHARING = ("e2e", "contract")


def folder_of(nodeid: str) -> str:
    """`tests/e2e/test_demo.py::test_x` -> `e2e`."""
    return nodeid.split("/")[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets what takes longest begin first."""
    items.sort(key=lambda item: folder_of(item.nodeid) not in SHARING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives one of pytest-xdist's workers a file at a time, or a folder of those above."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = folder_of(nodeid)
            return folder if folder in SHARING else nodeid.partition("::")[0]

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what runs remember out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BITPIPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
def pages() -> Iterator[Pages]:
    """What a web server on this machine shows."""
    with served() as written:
        yield written


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


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """A headless Chromium."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium or its driver is missing: apt-get install chromium chromium-driver")
    from selenium import webdriver

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
