"""Paths in which TensorFlow would see patterns."""

from pathlib import Path

import pytest

from bitpipe.stores.links import without_pattern


@pytest.mark.parametrize("name", ["run [1]", "what?", "every*", "back\\slash"])
def test_a_path_that_looks_like_a_pattern_is_lent_under_a_plain_one(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name / "model"
    folder.mkdir(parents=True)
    (folder / "file").write_text("content")
    monkeypatch.chdir(tmp_path)
    for given in (folder, folder.relative_to(tmp_path)):
        with without_pattern(str(given)) as lent:
            assert not set(lent) & set("*?[\\")
            assert (Path(lent) / "file").read_text() == "content"
        assert not Path(lent).exists()
    assert (folder / "file").exists()


@pytest.mark.parametrize("path", ["models/photos/7", "/a folder/7", "gs://bucket/run [1]/7"])
def test_other_paths_and_addresses_stay(path: str) -> None:
    with without_pattern(path) as lent:
        assert lent == path
