"""What stands between a TF Hub handle and its folder."""

import sys

import pytest

from bitpipe.errors import WeightsError
from components.bit import saved_model


def test_a_hub_that_cannot_be_imported_is_told_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)  # importing it raises ImportError
    with pytest.raises(WeightsError, match=r"tensorflow-hub==0\.16\.1 'tf-keras==2\.\d+\.\*'"):
        saved_model.resolve("https://tfhub.dev/google/bit/m-r50x1/1")
