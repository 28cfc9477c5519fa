"""Errors are sentences beside the picture, and what may pass can be tried again."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.serving.web.stub import BLUE, GREEN

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"no picture at all", "no picture that the browser can read"), (b"", "The file is empty.")],
)
def test_file_which_is_no_picture_is_told_without_asking_the_server(
    page, tmp_path, content, sentence
):
    (tmp_path / "broken.jpg").write_bytes(content)
    page.choose(tmp_path / "broken.jpg")
    page.answer("broken.jpg", sentence)
    assert not page.stub.pictures
    assert not page.card("broken.jpg").find_elements(By.TAG_NAME, "button")


def test_bad_picture_does_not_hinder_its_neighbours(page, picture, tmp_path):
    (tmp_path / "bad.png").write_bytes(picture("whole.png").read_bytes()[:40])
    page.choose(picture("a.png", GREEN), tmp_path / "bad.png", picture("b.png", BLUE))
    assert (page.best("a.png"), page.best("b.png")) == ("green", "blue")
    page.answer("bad.png", "damaged")


@pytest.mark.parametrize(
    ("status", "error", "sentence", "retry"),
    [
        (503, "queue is full", "The server is busy.", True),
        (429, "queue is full", "The server is busy.", True),
        (500, "out of memory", "The server failed: out of memory", True),
        (502, "", "The server failed (HTTP 502).", True),
        (504, "deadline", "The server took too long.", True),
        (404, "Servable not found", "not served now: Servable not found", True),
        (413, "too many bytes", "The picture is too large for the server (0.0 MB).", False),
        (400, "Bad\n\t [[{{node x}}]]", "The server cannot use this picture: Bad", False),
    ],
)
def test_refusals_become_sentences_and_what_may_pass_can_be_tried_again(
    page, picture, status, error, sentence, retry
):
    page.stub.refuse(status, error)
    page.choose(picture("a.png", GREEN))
    text = page.answer("a.png", sentence)
    assert "node" not in text
    buttons = page.card("a.png").find_elements(By.TAG_NAME, "button")
    assert [button.accessible_name for button in buttons] == ["Try again: a.png"] * retry
    if retry:
        buttons[0].send_keys(Keys.ENTER)
        assert page.best("a.png") == "green"
        assert page.focused == page.card("a.png")  # not lost with the button


@pytest.mark.parametrize("reply", [b"<html>", b"{}", b'{"predictions": [{"scores": [1]}]}', b"[]"])
def test_replies_of_another_kind_are_told(page, picture, reply):
    page.stub.refusals.append((200, reply))
    page.choose(picture("a.png"))
    page.wait(lambda: page.card("a.png").find_elements(By.CSS_SELECTOR, ".error"))
    text = page.card("a.png").text
    assert "Is it another server?" in text or "does not answer with scores and labels" in text


def test_all_failed_pictures_are_tried_again_at_once(page, picture):
    for _ in range(3):
        page.stub.refuse(503, "full")
    page.choose(*(picture(f"{index}.png", BLUE) for index in range(3)))
    page.wait(lambda: page.text("#retry-all") == "Try all 3 failed again")
    page.driver.find_element(By.ID, "retry-all").click()
    page.wait(lambda: len(page.all("#results .by-line")) == 3)
    assert not page.text("#retry-all")


def test_server_which_is_gone_is_told_and_found_again(page, picture):
    page.stub.stop()
    page.choose(picture("a.png", GREEN))
    page.answer("a.png", "The server cannot be reached.")
    page.wait(lambda: page.status.startswith("The server cannot be reached. Trying again every"))
    assert "available" not in page.text("#models").lower()
    page.stub.start()
    page.wait(lambda: page.status == "Connected.")
    page.wait(lambda: "available" in page.text("#models").lower())
    page.card("a.png").find_element(By.TAG_NAME, "button").click()
    assert page.best("a.png") == "green"
