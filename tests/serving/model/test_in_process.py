"""A model in the process, against what the embedded server answers."""

import pytest

from bitpipe.errors import InvalidInputError
from serving.client import PredictionClient
from serving.model.in_process import InProcessModel
from serving.status import ResourceExhaustedError


@pytest.fixture(scope="module")
def in_process(saved_model):
    return InProcessModel(str(saved_model), 20)


def test_answers_are_the_servers(in_process, server, encode):
    pictures = [encode(colour) for colour in ("red", "#102030", "white")]
    with PredictionClient(server.address, "colours") as client:
        assert in_process.predict(pictures) == client.predict(pictures)


def test_pictures_of_one_size_in_bytes_are_no_fixed_width_strings(in_process, encode):
    # NumPy's own byte strings would lose the zeros at a picture's end.
    picture = encode("red") + bytes(8)
    assert in_process.predict([picture, picture])[1].label == "red"


def test_a_picture_that_the_model_cannot_decode_is_refused(in_process, encode):
    with pytest.raises(InvalidInputError) as caught:
        in_process.predict([encode("red"), b"no picture"])
    assert "image" in caught.value.reason.lower()


def test_other_errors_are_not_blamed_on_a_picture(in_process, encode, monkeypatch):
    def broken(*_):
        raise ResourceExhaustedError("out of memory")

    monkeypatch.setattr(in_process._servable, "run", broken)
    with pytest.raises(ResourceExhaustedError):
        in_process.predict([encode("red")])
