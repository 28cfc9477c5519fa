"""What is told of weights long before they are read, without TensorFlow."""

import hashlib

import pytest

from bitpipe.errors import UnreachableWeightsError, WeightsError
from components.bit import download, files

MODULE = "https://tfhub.dev/google/bit/m-r50x1/1"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The addresses that were asked; none answers."""
    seen = []

    def nobody(url):
        seen.append(url)
        raise UnreachableWeightsError("nobody")

    monkeypatch.setattr(download, "require_answer", nobody)
    monkeypatch.setenv("BITPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "modules"))
    return seen


@pytest.mark.parametrize("source", ["bit-m-r50x1", "https://a.test/w.h5", MODULE])
def test_what_is_neither_here_nor_answered_for_is_told(asked, source):
    with pytest.raises(UnreachableWeightsError):
        files.require_obtainable(source)
    assert len(asked) == 1


def test_what_is_on_this_machine_is_not_asked_for(asked, tmp_path):
    own = tmp_path / "w.npz"
    own.touch()
    fetched = tmp_path / "cache" / "a.test" / "w.npz"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    module = tmp_path / "modules" / hashlib.sha1(MODULE.encode()).hexdigest()
    module.mkdir(parents=True)
    for source in ("bit-mini", own, "https://a.test/w.npz", MODULE):
        files.require_obtainable(source)
    # Where tensorflow-hub keeps those of other hosts, it alone knows.
    files.require_obtainable("https://www.kaggle.com/models/google/bit")
    assert asked == []


def test_the_page_of_a_portal_is_no_file_of_weights_and_is_not_kept(monkeypatch, tmp_path):
    page = tmp_path / "w.npz"
    monkeypatch.setattr(download, "fetch", lambda *_, **__: page)
    page.write_text("<html>Welcome!")
    with pytest.raises(WeightsError, match=r"https://a.test/w.npz delivers something else"):
        files.local("https://a.test/w.npz")
    assert not page.exists()
    page.write_bytes(b"PK\3\4")
    assert files.local("https://a.test/w.npz") == page
