"""The page is safe, and fit for every reader and every screen."""

import json
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.serving.web.stub import BLUE, GREEN

pytestmark = pytest.mark.browser


def test_markup_in_names_and_replies_stays_text(page, picture, tmp_path):
    evil = "<img src=x onerror=window.hit=1>"
    page.stub.labels = [evil, "<b>green</b>", "blue"]
    page.stub.models[1] |= {"name": "evil<i>", "labels": {evil: 7}}
    page.stub.models[1]["versions"][0]["error"] = evil
    page.choose(picture(f"{evil}.png"))
    assert page.best(f"{evil}.png") == evil
    page.wait(lambda: evil in page.text("#models"))
    page.stub.refuse(400, evil)
    page.choose(picture("plain.png"))
    page.answer("plain.png", evil)
    assert not page.all("main img, main b, main i")
    assert page.driver.execute_script("return window.hit") is None


def test_page_asks_its_own_origin_only_and_keeps_to_the_security_policy(page, picture):
    page.choose(picture("a.png"), picture("b.webp", BLUE), picture("c.gif", GREEN))
    page.wait(lambda: len(page.all("#results .by-line")) == 3)
    entries = [json.loads(entry["message"]) for entry in page.driver.get_log("performance")]
    urls = {
        entry["message"]["params"]["request"]["url"]
        for entry in entries
        if entry["message"]["method"] == "Network.requestWillBeSent"
    }
    assert any(url.endswith(":predict") for url in urls)
    assert {url for url in urls if not url.startswith((page.stub.url, "data:"))} == set()
    assert page.driver.execute_script("return window.violations") == []
    assert page.driver.get_log("browser") == []


def test_everything_is_reached_and_done_by_keyboard(page, picture):
    page.stub.refuse(503, "full")
    page.choose(picture("a.png", GREEN))
    page.answer("a.png", "busy")
    page.driver.execute_script("document.activeElement.blur()")
    names = []
    for _ in range(5):
        page.press(Keys.TAB)
        if page.focused.tag_name == "body":
            break
        names.append(page.focused.accessible_name)
        style = "const s = getComputedStyle(arguments[0]); return s.outlineStyle + s.outlineWidth"
        shown = page.focused
        if shown.get_attribute("id") == "files":  # its label shows the focus
            shown = page.driver.find_element(By.CSS_SELECTOR, "label[for=files]")
        assert page.driver.execute_script(style, shown) == "solid3px"
        if page.focused.get_attribute("type") == "radio":
            page.press(Keys.ARROW_DOWN)
            assert page.focused.is_selected()
            assert "20" in page.focused.get_attribute("value")
    assert [name.split("\n")[0] for name in names] == [
        "Choose pictures",
        "Newest version now 20",
        "Clear",
        "Try again: a.png",
    ]


def test_nothing_scrolls_sideways_at_360_pixels(page, picture):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        page.stub.labels = ["red" * 60, "g", "b"]
        page.choose(picture("long" * 40 + ".png"))
        page.wait(lambda: page.all(".labels"))
        root = "const root = document.documentElement; return [root.scrollWidth, innerWidth]"
        assert page.driver.execute_script(root) == [360, 360]
        for control in page.all("button, .button, #models label"):
            assert not control.is_displayed() or control.size["height"] >= 24  # WCAG 2.2, 2.5.8
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_passes_the_accessibility_audit(page, picture, tmp_path, scheme):
    axe = pytest.importorskip("axe_core_python.selenium", reason="axe-core-python is missing")
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        (tmp_path / "broken.png").write_bytes(b"?")
        page.choose(picture("a.png"), tmp_path / "broken.png")
        page.answer("a.png", "version 20")
        page.answer("broken.png", "damaged")
        page.stub.refuse(503, "full")
        page.choose(picture("busy.png"))
        page.answer("busy.png", "busy")
        time.sleep(0.3)  # bars have grown: colours are measured at rest
        found = axe.Axe().run(page.driver)
        assert len(found["passes"]) > 20
        assert [(rule["id"], rule["nodes"]) for rule in found["violations"]] == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_motion_is_left_out_for_those_who_ask(page, picture):
    name = "return getComputedStyle(document.querySelector('.labels .bar > span')).animationName"
    page.choose(picture("a.png"))
    page.best("a.png")
    assert page.driver.execute_script(name) == "grow"
    reduced = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", reduced)
    try:
        assert page.driver.execute_script(name) == "none"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
