"""The web page in a headless Chromium, against the real server."""

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.server import ModelServer

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import TimeoutException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="neither chromium nor chromedriver is installed"
    ),
]
Encode = Callable[..., bytes]

# Selenium cannot drag a file out of the system: the page is handed the event that it would get.
_DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], arguments[1], {type: "image/png"}));
const event = arguments[2] === "drop"
  ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
  : new ClipboardEvent("paste", {clipboardData: data, bubbles: true});
document.body.dispatchEvent(event);
"""


@pytest.fixture(scope="module")
def models(push: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    push(folder / "colours", 7)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator["webdriver.Chrome"]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # The first because root may not have a sandbox, the second for a small /dev/shm.
    for argument in ("--no-sandbox", "--disable-dev-shm-usage", "--headless=new", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[ModelServer]:
    with ModelServer(models, "colours", port=0, rest_port=0) as server:
        yield server


@pytest.fixture
def page(browser: "webdriver.Chrome", server: ModelServer) -> Iterator["webdriver.Chrome"]:
    browser.set_window_size(1000, 900)
    browser.get(f"http://{server.rest_address}/")
    wait_for(browser, "Version 7\navailable")
    yield browser
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert not messages, messages  # neither errors nor violations of the security policy


def wait_for(browser: "webdriver.Chrome", text: str) -> str:
    body = browser.find_element(By.TAG_NAME, "body")
    try:
        WebDriverWait(browser, 20).until(lambda _: text in body.text)
    except TimeoutException:
        assert text in body.text  # shows both
    return body.text


def choose(browser: "webdriver.Chrome", *paths: Path) -> None:
    browser.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))


def test_chosen_pictures_show_their_labels_version_and_latency(
    page: "webdriver.Chrome", encode: Encode, tmp_path: Path
) -> None:
    good, named = tmp_path / "teal.png", tmp_path / "<b onclick=x>.png"
    broken = tmp_path / "broken.jpg"
    good.write_bytes(encode("teal"))
    named.write_bytes(encode("orange"))
    broken.write_bytes(b"\xff\xd8\xff no picture")
    choose(page, good, broken, named)
    wait_for(page, "damaged, or of another kind")
    wait_for(page, "<b onclick=x>.png\nred\n100.0%")
    wait_for(page, "teal.png\ngreen\n50.2%")
    cards = [card.text for card in page.find_elements(By.CSS_SELECTOR, "#results > li")]
    assert len(cards) == 3
    assert any("teal.png" in card and "version 7" in card and " ms" in card for card in cards)
    page.find_element(By.ID, "clear").click()
    assert not page.find_elements(By.CSS_SELECTOR, "#results > li")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_answered(
    page: "webdriver.Chrome", encode: Encode, way: str
) -> None:
    page.execute_script(_DROP, base64.b64encode(encode("navy")).decode(), "navy.png", way)
    wait_for(page, "navy.png\nblue\n50.2%")


def test_a_server_that_is_gone_is_told_and_found_again(
    browser: "webdriver.Chrome", models: Path
) -> None:
    with ModelServer(models, "colours", port=0, rest_port=0) as server:
        address = server.rest_address
        browser.get(f"http://{address}/")
        wait_for(browser, "Connected.")
    wait_for(browser, "The server cannot be reached.")
    with ModelServer(models, "colours", port=0, rest_port=int(address.split(":")[1])):
        wait_for(browser, "Connected.")
        wait_for(browser, "Version 7\navailable")
    browser.get("about:blank")
    browser.get_log("browser")
