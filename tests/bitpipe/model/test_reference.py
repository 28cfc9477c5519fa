"""The file that tells what a network answered where it was trained."""

import pytest

from bitpipe.model import reference
from bitpipe.model.reference import Answer, Reference


def test_what_is_written_can_be_read(tmp_path):
    said = Reference(("a", "b"), (Answer("a/caf\\xe9.png", "0" * 64, (0.1, 0.9)),))
    (tmp_path / reference.FILE).write_text(said.to_json())
    assert reference.read(str(tmp_path)) == said


def test_a_training_of_before_has_none(tmp_path):
    assert reference.read(str(tmp_path)) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": 2}', '{"form": 1, "labels": 3}'])
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / reference.FILE).write_text(content)
    with pytest.raises(ValueError):  # of JSON, or ours
        reference.read(str(tmp_path))
