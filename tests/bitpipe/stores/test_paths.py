"""Which paths can be handed to frameworks that look for files by patterns."""

import pytest

from bitpipe.errors import ConfigError
from bitpipe.stores import paths


@pytest.mark.parametrize("name", ["run [1]", "a]", "what?", "a*", "a\\b"])
def test_what_frameworks_take_for_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(ConfigError) as error:
        paths.require_plain("--out", tmp_path / name)
    assert error.value.exit_code == 2
    assert str(error.value).startswith("--out must have a path without * ? [ ] \\")
    assert str(tmp_path / name) in str(error.value)


def test_the_folders_above_count_too(tmp_path, monkeypatch):
    above = tmp_path / "[project]"
    above.mkdir()
    monkeypatch.chdir(above)
    with pytest.raises(ConfigError, match=r"with \[ \]"):
        paths.require_plain("--out", "run")


@pytest.mark.parametrize("path", ["run", "my runs/a{1}", "~/é", "gs://bucket/a,b@5", "a'b\"c!"])
def test_any_other_path_passes(path):
    paths.require_plain("--out", path)


def test_an_address_is_judged_as_it_stands():
    with pytest.raises(ConfigError, match=r"Received: gs://bucket/\[x\], with \[ \]\."):
        paths.require_plain("--data", "gs://bucket/[x]")
