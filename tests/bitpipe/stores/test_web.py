"""Files of web servers, as strangers' manifests name them."""

import socket
from datetime import datetime, timezone

import pytest

from bitpipe.errors import StoreError
from bitpipe.stores import web
from bitpipe.stores.open import store_of
from bitpipe.stores.store import UNREADABLE, Entry, Found, UnfitFileError
from tests.web_pages import Pages

NOON = int(datetime(2026, 11, 26, 8, tzinfo=timezone.utc).timestamp() * 1e9)


@pytest.fixture
def page(pages: Pages) -> str:
    pages["/ä 1.jpg"] = pages["/%C3%A4%201.jpg"] = b"picture"
    return f"{pages.address}/ä 1.jpg?size=large"


def test_a_page_is_read_whole_and_in_parts(page: str, pages: Pages) -> None:
    store = store_of(page)
    assert store.read(page) == b"picture"
    for pages.facts in (True, False):  # a server that knows ranges, and one that does not
        assert store.read_range(page, 2, 3) == b"ctu"
        assert store.read_range(page, 5, 30) == b"re"
        assert store.read_range(page, 50, 3) == b""


def test_size_and_time_are_what_the_server_tells(page: str, pages: Pages) -> None:
    store = web.WebStore(page)
    assert store.entry(page) == Entry("ä 1.jpg?size=large", False, 7, NOON)
    pages.facts = False
    assert store.entry(page).mtime_ns == 0
    pages["/%C3%A4%201.jpg"] = 405  # asks for the whole picture or nothing
    assert store.entry(page).size == 0
    assert {method for method, _ in pages.asked} == {"HEAD"}


def test_a_page_that_is_named_is_meant(page: str) -> None:
    assert list(store_of(page).find(page, lambda _: False)) == [Found(page)]


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (404, FileNotFoundError, "No such file"),
        (410, FileNotFoundError, "No such file"),
        (403, PermissionError, "denies access"),
        (418, UnfitFileError, "answers 418"),
    ],
)
def test_a_refused_page_is_to_blame_itself(
    pages: Pages, status: int, error: type[OSError], reason: str
) -> None:
    pages["/1.jpg"] = status
    address = f"{pages.address}/1.jpg"
    with pytest.raises(UNREADABLE, match=reason) as raised:
        store_of(address).read(address)
    assert type(raised.value) is error
    assert pages.asked == [("GET", "/1.jpg")]


def test_a_server_in_trouble_is_asked_three_times(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web._RETRIES, "backoff_factor", 0)
    monkeypatch.setattr(web, "_of_process", lambda _: web._Connections())
    pages["/1.jpg"] = 503
    with pytest.raises(UnfitFileError, match="answers 503"):
        store_of(pages.address).read(f"{pages.address}/1.jpg")
    assert len(pages.asked) == 3


def test_large_and_cut_pages_are_refused(page: str, pages: Pages) -> None:
    for pages.facts in (True, False):
        with pytest.raises(UnfitFileError, match="more than 6 bytes"):
            store_of(page).read(page, max_bytes=6)
    pages.facts = True
    pages.cut.add("/%C3%A4%201.jpg")
    with pytest.raises(UnfitFileError, match="stopped in the middle"):
        store_of(page).read(page)


def test_a_server_that_is_gone_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = web._Connections()
    monkeypatch.setattr(web._RETRIES, "total", 0)
    monkeypatch.setattr(web, "_of_process", lambda _: connections)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        for name in ("1.jpg", "2.jpg"):
            with pytest.raises(UnfitFileError, match=f"{host} does not answer"):
                store_of(f"http://{host}").read(f"http://{host}/{name}")
            monkeypatch.setattr(connections, "_session", None)  # would fail, if it were asked


@pytest.mark.parametrize("address", ["http://", "http://[::1/x.jpg", "https://a b/1.jpg"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UnfitFileError):
        store_of(address).read(address)


def test_nothing_is_listed_or_written_on_the_web(page: str) -> None:
    store = web.WebStore(page)
    for act in (store.below, store.match, store.delete, lambda path: store.write(path, [b""])):
        with pytest.raises(StoreError, match=r"Name a folder .* or a manifest"):
            act(page)


def test_a_file_address_is_told_as_a_path() -> None:
    with pytest.raises(StoreError, match="name /photos/a b"):
        store_of("file:///photos/a%20b")
