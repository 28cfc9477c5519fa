"""The demo goes all the way, on fewer and smaller pictures."""

import re
import socket

import pytest
import sklearn.datasets

from pipeline import demo

pytestmark = [pytest.mark.e2e, pytest.mark.tfx]

PICTURES = 500
SMALL = ("train.crop=48", "train.resize=48")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where both run: the second finds the pictures and what does not change in the cache."""
    all_of_them = sklearn.datasets.load_digits()
    few = type(all_of_them)(
        images=all_of_them.images[:PICTURES], target=all_of_them.target[:PICTURES]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.datasets, "load_digits", lambda: few)
        yield tmp_path_factory.mktemp("demo") / "demo"


def test_a_model_that_is_not_blessed_is_not_served(folder):
    """A head that guesses, for want of training; no server is asked, for want of time."""
    impossible = ("train.steps=1", "gate.min_accuracy=1", "serving_check.server=off")
    with pytest.raises(demo.DemoError, match=r"not pushed: accuracy .* below the floor"):
        demo.run(folder, (*SMALL, *impossible))


def test_pictures_are_ingested_trained_on_served_and_asked_about(folder, capsys):
    demo.run(folder, (*SMALL, "gate.min_accuracy=0.5"))
    shown = capsys.readouterr().out
    answers = re.findall(r"\d{4}\.png  truth (\d)  answer (\d) \((0|1)\.\d{3}\)", shown)
    assert sorted(truth for truth, _, _ in answers) == sorted("0123456789" * 2)
    right = sum(truth == answer for truth, answer, _ in answers)
    # Far above guessing, so the answers belong to the pictures.
    assert right >= 14
    assert f"{right} of 20 right" in shown
    for part in ("accuracy", "blessed   yes", "pushed    version", "Next:", "predict"):
        assert part in shown
    address = re.search(r"at 127\.0\.0\.1:(\d+)", shown)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address[1])), timeout=5)
