"""The list of models follows the server, and chooses who answers."""

import pytest
from selenium.webdriver.common.by import By

from tests.serving.web.stub import GREEN, version

pytestmark = pytest.mark.browser


def test_versions_are_listed_with_their_states_and_labels(page):
    options = [label.text.split("\n") for label in page.all("#models label")]
    assert options == [
        ["Newest version", "now 20"],
        ["Version 21", "loading"],
        ["Version 20", "available", "pushed 23 Nov 2026 · accuracy 98.2% on 327 pictures"],
        ["Version 3 · stable", "available"],
        ["Version 2", "end", "The file saved_model.pb is missing."],
        ["Version 7", "available"],
    ]
    enabled = [radio.is_enabled() for radio in page.all("#models input")]
    assert enabled == [True, False, True, True, False, True]
    assert [legend.text for legend in page.all("#models legend")] == ["colours", "shapes"]


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("now 20", "/v1/models/colours:predict"),
        ("Version 3", "/v1/models/colours/versions/3:predict"),
        ("Version 7", "/v1/models/shapes:predict"),
    ],
)
def test_chosen_version_answers(page, picture, option, path):
    page.option(option).click()
    page.choose(picture("a.png"))
    page.best("a.png")
    assert [asked for asked, _ in page.stub.pictures] == [path]


def test_new_version_appears_while_choice_and_focus_stay(page):
    page.option("Version 3").click()
    page.stub.models[0]["versions"][0]["state"] = "AVAILABLE"
    page.wait(lambda: "now 21" in page.text("#models"))
    assert page.option("Version 3").find_element(By.TAG_NAME, "input").is_selected()
    assert "3" in page.focused.get_attribute("value")


def test_whoever_chose_the_only_version_gets_the_one_that_follows_it(page, picture):
    page.option("Version 7").click()
    page.stub.models[1]["versions"].insert(0, version(8))
    page.wait(lambda: "now 8" in page.text("#models"))
    assert page.option("now 8").find_element(By.TAG_NAME, "input").is_selected()
    assert page.announced == []


def test_unloaded_version_gives_way_to_the_newest_and_is_announced(page):
    page.option("Version 3").click()
    del page.stub.models[0]["versions"][2]
    page.wait(lambda: len(page.all("#models label")) == 5)
    assert page.option("now 20").find_element(By.TAG_NAME, "input").is_selected()
    assert page.announced == ["colours 3 is gone. The newest version of colours answers."]


def test_without_a_model_the_picture_waits_for_one(page, picture):
    models, page.stub.models = page.stub.models, []
    page.wait(lambda: page.text("#models") == "No model is served.")
    page.choose(picture("a.png", GREEN))
    page.answer("a.png", "No model is available yet.")
    page.stub.models = models
    page.wait(lambda: "now 20" in page.text("#models"))
    page.card("a.png").find_element(By.TAG_NAME, "button").click()
    assert page.best("a.png") == "green"
