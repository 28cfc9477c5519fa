import hashlib
import http.server
import socket
import threading
import time

import pytest

from bitpipe.errors import UnreachableWeightsError, WeightsError
from components.bit import download

CONTENT = bytes(range(256)) * 10_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file with ranges; cuts the first `cuts` answers in the middle."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cuts = 0
        self.status = None
        self.ranges = True
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_port}/bit_models/weights.npz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append(self.headers.get("Range"))
        if server.status:
            self.send_error(server.status)
            return
        etag = f'"{hashlib.md5(server.content).hexdigest()}"'
        start = 0
        wanted = self.headers.get("Range")
        if server.ranges and wanted and self.headers.get("If-Range", etag) == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def fetch(server, cache, **options):
    return download.fetch(server.url, cache=cache, progress=False, **options)


def files(cache):
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once_and_its_digest_recorded(server, tmp_path):
    path = fetch(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert fetch(server, tmp_path) == path
    assert server.requests == [None]
    assert files(tmp_path) == ["weights.npz", "weights.npz.sha256"]
    record = path.with_name("weights.npz.sha256").read_text()
    assert record == f"{DIGEST}  weights.npz\n"


def test_a_cut_download_is_continued_where_it_ended(server, tmp_path):
    server.cuts = 2
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3
    continued_at = int(server.requests[1].removeprefix("bytes=").rstrip("-"))
    assert len(CONTENT) // 2 - download.RECEIVED_BYTES < continued_at <= len(CONTENT) // 2
    assert files(tmp_path) == ["weights.npz", "weights.npz.sha256"]


def test_a_download_that_keeps_breaking_is_resumed_by_the_next_run(server, tmp_path):
    server.cuts = download.CONTINUATIONS + 1
    with pytest.raises(WeightsError, match="run again"):
        fetch(server, tmp_path)
    assert "weights.npz" not in files(tmp_path)
    assert "weights.npz.part" in files(tmp_path)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] is not None
    assert files(tmp_path) == ["weights.npz", "weights.npz.sha256"]


def test_a_file_that_changes_between_two_runs_is_not_mixed(server, tmp_path):
    server.cuts = download.CONTINUATIONS + 1
    with pytest.raises(WeightsError):
        fetch(server, tmp_path)
    server.content = bytes(reversed(CONTENT))
    assert fetch(server, tmp_path).read_bytes() == server.content


def test_a_server_without_ranges_is_asked_from_the_start(server, tmp_path):
    server.cuts, server.ranges = 1, False
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_process_that_died_before_renaming_needs_no_second_download(server, tmp_path):
    path = fetch(server, tmp_path)
    path.rename(path.with_name("weights.npz.part"))
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == f"bytes={len(CONTENT)}-"


def test_a_wrong_digest_is_refused_and_nothing_kept(server, tmp_path):
    with pytest.raises(WeightsError, match=f"Expected: {'0' * 64}. Received: {DIGEST}"):
        fetch(server, tmp_path, sha256="0" * 64)
    assert files(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    path = fetch(server, tmp_path)
    path.write_bytes(CONTENT[:-1])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_file_is_digested_once_while_nothing_touches_it(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    path.write_bytes(b"one")
    reads = []
    find_out = download._digest_of.__wrapped__
    counted = download.lru_cache(lambda *facts: reads.append(facts) or find_out(*facts))
    monkeypatch.setattr(download, "_digest_of", counted)
    # What was written a moment ago may be written again and bear the same time.
    assert download.digest(path) == download.digest(path) == hashlib.sha256(b"one").hexdigest()
    assert len(reads) == 2
    monkeypatch.setattr(download, "CLOCK_TICK_NS", -(10**9))
    assert download.digest(path) == download.digest(path)
    assert len(reads) == 3
    path.write_bytes(b"other")
    assert download.digest(path) == hashlib.sha256(b"other").hexdigest()


def test_an_address_that_now_delivers_something_else_is_refused(server, tmp_path):
    fetch(server, tmp_path).unlink()
    server.content = b"something else"
    with pytest.raises(WeightsError, match="does not have the expected sha256"):
        fetch(server, tmp_path)
    assert files(tmp_path) == ["weights.npz.sha256"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_reported_and_leaves_nothing(server, tmp_path, status):
    server.status = status
    with pytest.raises(WeightsError, match=f"the server answers {status}"):
        fetch(server, tmp_path)
    assert files(tmp_path) == []


def test_a_dead_host_is_one_sentence_with_the_remedy_and_leaves_nothing(server, tmp_path):
    server.server_close()
    with pytest.raises(WeightsError, match="cannot be reached") as caught:
        fetch(server, tmp_path)
    assert "give its path instead" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_a_host_that_says_nothing_is_given_up_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "ANSWER_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w.npz"
        started = time.monotonic()
        with pytest.raises(UnreachableWeightsError, match="does not answer in time"):
            download.fetch(url, cache=tmp_path, progress=False)
    assert time.monotonic() - started < 5


def test_what_is_cached_is_not_asked_for(server, tmp_path, monkeypatch):
    assert not download.is_cached(server.url, tmp_path)
    fetch(server, tmp_path)
    assert download.is_cached(server.url, tmp_path)
    monkeypatch.setattr(download, "require_answer", lambda _: pytest.fail("asked"))
    fetch(server, tmp_path)


def test_a_cache_that_cannot_be_written_names_the_setting(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="BITPIPE_CACHE"):
        fetch(server, tmp_path / "file")


def test_downloads_of_two_threads_end_in_one_file(server, tmp_path):
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch(server, tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert server.requests == [None]


def test_progress_is_shown_on_the_standard_error(server, tmp_path, capsys):
    download.fetch(server.url, cache=tmp_path, progress=True)
    captured = capsys.readouterr()
    assert "weights.npz" in captured.err
    assert captured.out == ""
