"""A server between client and store, which fails as it is told."""

import http.server
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

_PASSED_ON = ("content-type", "etag", "last-modified", "content-length")
_OWN = ("host", "expect")
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message></Error>"


CUT = "half of the answer"


class Elsewhere(str):
    """The region of a bucket, to which requests that are signed for another one are sent."""


class Faults:
    """What goes wrong.

    Attributes:
        address: of the server.
        rules: part of a request's address -> (status, code), seconds of silence, CUT, Elsewhere;
            or a list of them, one for each request, after which nothing goes wrong.
        seen: the addresses that were asked for.
    """

    def __init__(self, address):
        self.address = address
        self.rules = {}
        self.region = ""
        self.seen = []


@contextmanager
def between(store):
    """A server that passes requests on to the store at an address."""
    faults = Faults("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            faults.seen.append(self.path)
            rule = next((how for part, how in faults.rules.items() if part in self.path), None)
            if isinstance(rule, list):
                rule = rule.pop(0) if rule else None
            if isinstance(rule, Elsewhere):
                signed = f"/{rule}/s3/" in self.headers.get("Authorization", "")
                faults.region = rule
                rule = None if signed else (301, "PermanentRedirect")
            if isinstance(rule, tuple):
                status, code = rule
                self._answer(status, _ERROR.format(code).encode(), {"Content-Type": "text/xml"})
                return
            if isinstance(rule, (int, float)):
                time.sleep(rule)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
            headers.setdefault("Content-Type", "binary/octet-stream")  # else that of a form
            asked = urllib.request.Request(
                store + self.path, data=body, headers=headers, method=self.command
            )
            try:
                with urllib.request.urlopen(asked) as answer:
                    cut = rule == CUT
                    self._answer(answer.status, answer.read(), dict(answer.headers), cut)
            except urllib.error.HTTPError as error:
                self._answer(error.code, error.read(), dict(error.headers))

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _answer(self, status, body, headers, cut=False):
            known = {k: v for k, v in headers.items() if k.lower() in _PASSED_ON}
            if self.command != "HEAD":
                known = {k: v for k, v in known.items() if k.lower() != "content-length"}
                known["Content-Length"] = str(len(body))
            try:
                self.send_response(status)
                for name, value in known.items():
                    self.send_header(name, value)
                if status == 301:
                    self.send_header("x-amz-bucket-region", faults.region)
                self.end_headers()
                if cut:
                    body = body[: len(body) // 2]
                    self.close_connection = True
                if self.command != "HEAD":
                    self.wfile.write(body)
            except OSError:  # the client did not wait
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    faults.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
