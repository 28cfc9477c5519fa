"""What is shown of an answer, and what is saved of all of them."""

import csv
import io
import time
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.serving.web.stub import GREEN, RED

pytestmark = pytest.mark.browser

SHOWN = "return [arguments[0].getBoundingClientRect().width, getComputedStyle(arguments[0])"


def thumbnail(page, name):
    return page.wait(lambda: page.card(name).find_elements(By.TAG_NAME, "canvas"))[0]


@pytest.mark.parametrize(
    ("size", "rendering"), [((8, 8), "pixelated"), ((80, 20), "pixelated"), ((81, 20), "auto")]
)
def test_a_small_picture_is_enlarged_and_few_pixels_stay_sharp(page, picture, size, rendering):
    page.choose(picture("small.png", size=size))
    canvas = thumbnail(page, "small.png")
    width, shown = page.driver.execute_script(f"{SHOWN}.imageRendering]", canvas)
    assert (width, shown) == (160, rendering)
    assert page.driver.execute_script(f"{SHOWN}.objectFit]", canvas)[1] == "contain"


def test_labels_without_a_score_worth_telling_are_folded_away(page, picture):
    page.choose(picture("red.png", (255, 0, 0)))
    page.best("red.png")
    card = page.card("red.png")
    assert card.text.split("\n")[1:4] == ["red", "100.0%", "2 more at 0.0%"]
    assert "blue" not in card.text
    card.find_element(By.TAG_NAME, "summary").click()
    page.answer("red.png", "blue")


def test_the_best_label_is_shown_whatever_its_score(page, picture):
    page.choose(picture("black.png", (0, 0, 0)))
    page.answer("black.png", "2 more at 0.0%")
    assert page.best("black.png") == "red"


def test_an_answer_that_is_no_class_goes_before_the_classes(page, picture):
    page.stub.reject_below = 0.9
    page.choose(picture("dark.png", RED), picture("sure.png", (255, 0, 0)))
    page.answer("dark.png", "ms")
    shown = page.card("dark.png").text.split("\n")
    assert shown[1:5] == ["unknown", "86.3%", "red", "86.3%"]
    page.answer("sure.png", "ms")
    assert "unknown" not in page.card("sure.png").text


def test_answers_are_saved_with_the_columns_of_predict(page, picture, tmp_path):
    downloads = tmp_path / "downloads"
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    save = page.driver.find_element(By.ID, "save")
    assert not save.is_displayed()
    (tmp_path / "broken.png").write_bytes(b"?")
    page.stub.labels = ["red", 'gre"en,', "blue"]
    page.choose(tmp_path / "broken.png", picture("a, b.png", RED), picture("green.png", GREEN))
    for name, expected in (("broken.png", "damaged"), ("a, b.png", "ms"), ("green.png", "ms")):
        page.answer(name, expected)
    save.click()
    file = Path(downloads / "answers.csv")
    page.wait(file.exists)
    time.sleep(0.1)
    first, second, third = csv.DictReader(io.StringIO(file.read_bytes().decode(), newline=""))
    columns = ["file", "model_version", "error"]
    columns += [f"{name}_{rank}" for rank in range(1, 6) for name in ("label", "score")]
    assert list(first) == columns
    assert (first["file"], first["label_1"]) == ("broken.png", "")
    assert "damaged" in first["error"]
    assert (second["file"], second["model_version"], second["error"]) == ("a, b.png", "20", "")
    assert (second["label_1"], second["label_4"]) == ("red", "")
    assert float(second["score_1"]) == pytest.approx(220 / 255, abs=1e-6)
    assert third["label_1"] == 'gre"en,'
    page.driver.find_element(By.ID, "clear").click()
    assert not save.is_displayed()
