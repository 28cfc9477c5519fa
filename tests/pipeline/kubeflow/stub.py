"""Kubeflow Pipelines' v2beta1 REST API on loopback, as far as a client can tell.

What the installed API package does not know (see openapi.py), the stub refuses, in requests and in
its own answers.
"""

import email
import http.server
import inspect
import json
import socketserver
import threading
import time
import urllib.parse

from tests.pipeline.kubeflow.objects import Objects
from tests.pipeline.kubeflow.openapi import OPERATIONS, Refused, check

# What the API knows, or ignores, and kfp 2.5's package of it does not.
OLDER_PACKAGES_LACK = {"delete_recurring_run": {"propagation_policy"}}
PAGE = b"<!doctype html><html><title>Log in</title></html>"


class _Server(socketserver.ThreadingTCPServer):
    """Without the look-up of its own name that http.server's does, seconds on some networks."""

    daemon_threads = True


class Stub(Objects):
    """A context manager; `url` is where it listens. What it holds is said in `Objects`.

    Attributes to set:
      tag: the version that healthz tells; `None` for none. page_server: as KFP's pages tell it.
      token: asked for where it is not empty.
      mode: "" or what it is instead: "html", "redirect", "loop", "v1", "v1-page", "elsewhere",
        "hang", "broken".
      failing: names of operations that answer 500.
      before: is called with an operation's name before it is performed; others may ask meanwhile.

    Attribute to read:
      requests: (operation or path, body).
    """

    def __init__(self):
        super().__init__()
        self.page_server = False
        self.token, self.mode, self.failing = "", "", set()
        self.before = lambda _: None
        self.requests = []
        self._lock = threading.Lock()

    def __enter__(self):
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            # A request that stalls must not keep the test's process.
            timeout = 10

            def do_GET(self):
                stub._handle(self)

            do_POST = do_DELETE = do_PATCH = do_GET

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def bodies(self, operation):
        """The bodies with which an operation was asked for."""
        return [body for name, body in self.requests if name == operation]

    def _handle(self, handler):
        data = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        status, kind, answer = 200, "application/json", b""
        try:
            if self.mode == "hang":
                time.sleep(5)
            url = urllib.parse.urlsplit(handler.path)
            at_login = url.path == "/dex/auth" and self.mode == "redirect"
            if (
                self.mode == "html"
                or at_login
                or (self.mode == "v1-page" and "v1beta1" not in url.path)
            ):
                kind, answer = "text/html", PAGE
            elif self.mode in ("redirect", "loop"):
                status = 302
            else:
                self.before(_operation_of(handler.command, url.path))
                with self._lock:
                    answer = json.dumps(self._answer(handler, url, data)).encode()
        except Refused as refusal:
            status = refusal.status
            answer = json.dumps(
                {"error": refusal.message, "code": refusal.code, "message": refusal.message}
            ).encode()
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", f"{self.url}/dex/auth")
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def _answer(self, handler, url, data):
        if self.mode == "broken":
            raise Refused(503, "upstream connect error", 14)
        is_health = url.path.endswith("/healthz")
        v1_only = self.mode.startswith("v1")
        if self.mode == "elsewhere" or (v1_only and "/v2beta1/" in url.path):
            raise Refused(404, "Not Found", 5)
        if self.token and not is_health:
            given = handler.headers.get("Authorization", "")
            if given != f"Bearer {self.token}":
                raise Refused(401, "Request header error: there is no user identity header.", 16)
        if is_health:
            self.requests.append((url.path, None))
            return self._health("v1.8.22" if v1_only else self.tag)
        for operation in OPERATIONS:
            found = operation.pattern.fullmatch(url.path)
            if found and operation.verb == handler.command:
                return self._perform(operation, found.groups(), url.query, handler, data)
        raise Refused(404, "Not Found", 5)

    def _health(self, tag):
        names = (
            ("apiServerTagName", "apiServerMultiUser")
            if self.page_server
            else (
                "tag_name",
                "multi_user",
            )
        )
        health = dict(zip(names, (tag, self.namespaces is not None), strict=True))
        return {key: value for key, value in health.items() if value is not None}

    def _perform(self, operation, ids, query_text, handler, data):
        query = dict(urllib.parse.parse_qsl(query_text, strict_parsing=bool(query_text)))
        unknown = set(query) - operation.query - OLDER_PACKAGES_LACK.get(operation.name, set())
        if unknown:
            raise Refused(400, f"{operation.name}: unknown query {sorted(unknown)}")
        body = None
        if "uploadfile" in inspect.signature(self._method(operation)).parameters:
            body = _uploaded(handler.headers["Content-Type"], data)
            ids = (*ids, body)
        elif operation.body:
            body = json.loads(data)
            check(body, operation.body)
            ids = (*ids, body)
        self.requests.append((operation.name, body))
        if operation.name in self.failing:
            raise Refused(500, f"InternalServerError: {operation.name} failed", 13)
        answer = self._method(operation)(*ids, **query)
        if operation.answer != "object":
            check(answer, operation.answer, "answer")
        return answer

    def _method(self, operation):
        method = getattr(self, operation.name, None)
        if method is None:
            raise Refused(501, f"{operation.name} is not stubbed", 12)
        return method


def _operation_of(verb, path):
    for operation in OPERATIONS:
        if operation.verb == verb and operation.pattern.fullmatch(path):
            return operation.name
    return path


def _uploaded(content_type, data):
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data
    )
    for part in message.walk():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            return part.get_payload(decode=True)
    raise Refused(400, "Failed to read the file: uploadfile is missing")
