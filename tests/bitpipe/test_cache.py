"""Where things are kept that can be fetched again."""

from pathlib import Path

import pytest

from bitpipe import cache


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BITPIPE_CACHE", raising=False)
    assert cache.folder() == tmp_path / "bitpipe"
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "other"))
    assert cache.folder() == tmp_path / "other"
