"""What a version tells of itself."""

from pathlib import Path

import pytest

from bitpipe.model import evaluation
from bitpipe.model.evaluation import Evaluation
from bitpipe.model.layout import pushed_at


def write(version: Path, content: str) -> None:
    file = version / evaluation.FILE
    file.parent.mkdir(parents=True)
    file.write_text(content)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    known = Evaluation(0.9816513761467889, 327)
    write(tmp_path, known.encode())
    assert evaluation.read(tmp_path) == known


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "[]", "null", "\ud83d".encode("utf-8", "replace").decode(), "[" * 100_000),
        *('{"accuracy": NaN, "pictures": 3}', '{"accuracy": 1.5, "pictures": 3}'),
        *('{"accuracy": 0.5, "pictures": 0}', '{"accuracy": 0.5, "pictures": Infinity}'),
        '{"accuracy": "much", "pictures": 3}',
    ],
)
def test_of_nonsense_nothing_is_known(tmp_path: Path, content: str) -> None:
    assert evaluation.read(tmp_path) is None
    write(tmp_path, content)
    assert evaluation.read(tmp_path) is None


@pytest.mark.parametrize(
    ("version", "seconds"),
    [(3, None), (20261126, None), (1795442981, 1795442981), (10**12, None)],
)
def test_versions_that_are_unix_seconds_tell_when_they_were_pushed(
    version: int, seconds: int | None
) -> None:
    assert pushed_at(version) == seconds
