"""Pictures are chosen, dropped and pasted, one or many, and answered."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.serving.web.stub import BLUE, GREEN, RED

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("colour", "label"), [(RED, "red"), (GREEN, "green"), (BLUE, "blue")])
def test_chosen_picture_gets_its_label_scores_version_and_latency(page, picture, colour, label):
    page.choose(picture("one.png", colour))
    assert page.best("one.png") == label
    text = page.card("one.png").text
    assert f"{max(colour) / 255:.1%}" in text
    assert "colours · version 20 · " in text
    assert " ms" in text
    assert page.card("one.png").find_element(By.TAG_NAME, "canvas").size["width"] > 0
    assert page.announced == [f"one.png: {label}, {max(colour) / 255:.1%}"]


def test_dropped_files_are_answered(page, picture):
    paths = picture("one.png", GREEN), picture("two.jpg", BLUE)
    page.drag("dragEnter", *paths)
    page.drag("dragOver", *paths)
    page.wait(lambda: page.all("body.dragging"))
    page.drag("drop", *paths)
    assert (page.best("one.png"), page.best("two.jpg")) == ("green", "blue")
    assert not page.all("body.dragging")


def test_picture_pasted_from_the_clipboard_is_answered(page):
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": page.stub.url},
    )
    page.driver.execute_async_script(
        """
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d");
        context.fillStyle = "rgb(30, 30, 220)";
        context.fillRect(0, 0, 999, 999);
        canvas.toBlob((png) => navigator.clipboard.write([new ClipboardItem({"image/png": png})])
          .then(arguments[0]));
        """
    )
    page.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "v")
    assert page.best("image.png") == "blue"


def test_last_pictures_come_first_and_clear_removes_all(page, picture):
    page.choose(picture("a.png"), picture("b.png"))
    page.choose(picture("c.png"))
    page.best("c.png")
    assert [heading.text for heading in page.all("#results h3")] == ["c.png", "a.png", "b.png"]
    page.driver.find_element(By.ID, "clear").click()
    assert not page.all("#results li")
    assert page.focused.get_attribute("id") == "files"


def test_many_pictures_are_all_answered_two_at_a_time(page, picture):
    page.choose(*(picture(f"{index}.png", (RED, GREEN, BLUE)[index % 3]) for index in range(30)))
    page.wait(lambda: len(page.all("#results .by-line")) == 30)
    assert [page.best(f"{index}.png") for index in (0, 13, 29)] == ["red", "green", "blue"]
    assert len(page.stub.pictures) == 30


def test_cleared_pictures_are_not_asked_about_any_more(page, picture):
    page.stub.delay_s = 0.3
    page.choose(*(picture(f"{index}.png") for index in range(8)))
    page.wait(lambda: "Asking the server" in page.text("#results"))
    page.driver.find_element(By.ID, "clear").click()
    page.choose(picture("new.png", BLUE))
    assert page.best("new.png") == "blue"
    assert len(page.all("#results h3")) == 1
    assert len(page.stub.pictures) < 8
