"""What a reader of the web page does and sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.serving.web.stub import Stub

PATIENCE_S = 20  # the machines are shared


class Page:
    """The page in a browser, of the server `stub`."""

    def __init__(self, driver: Any, stub: Stub) -> None:
        self.driver, self.stub = driver, stub

    def open(self) -> None:
        self.driver.get(self.stub.url)
        self.wait(lambda: self.status == "Connected.")

    def wait(self, condition: Callable[[], Any]) -> Any:
        waiting = WebDriverWait(
            self.driver, PATIENCE_S, 0.02, ignored_exceptions=[StaleElementReferenceException]
        )
        try:
            return waiting.until(lambda _: condition())
        except Exception as error:
            raise AssertionError(self.text("body")) from error

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return "\n".join(element.text for element in self.all(selector))

    @property
    def status(self) -> str:
        return self.text("#connection")

    @property
    def focused(self) -> Any:
        return self.driver.switch_to.active_element

    def choose(self, *paths: Path) -> None:
        self.driver.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))

    def drag(self, kind: str, *paths: Path) -> None:
        """As if the files came from another program's window."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        place = {"x": 40, "y": 40}
        self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "data": data} | place)

    def card(self, name: str) -> Any:
        def found() -> Any:
            cards = self.all("#results > li")
            return next(
                (card for card in cards if card.find_element("xpath", ".//h3").text == name), None
            )

        return self.wait(found)

    def answer(self, name: str, expected: str) -> str:
        """The text of the card, once `expected` is part of it."""
        self.wait(lambda: expected in self.card(name).text)
        return str(self.card(name).text)

    def best(self, name: str) -> str:
        first = self.wait(lambda: self.card(name).find_elements(By.CSS_SELECTOR, ".labels li"))[0]
        return str(first.find_element(By.TAG_NAME, "span").text)

    def press(self, key: str) -> None:
        """Wherever the focus is: `send_keys` takes keys on the file input for paths."""
        ActionChains(self.driver).send_keys(key).perform()

    @property
    def announced(self) -> list[str]:
        """What a screen reader has been told."""
        log = self.driver.find_elements(By.CSS_SELECTOR, "#announcements p")
        return [line.get_property("textContent") for line in log]

    def option(self, text: str) -> Any:
        return next(label for label in self.all("#models label") if text in label.text)
