"""Kubeflow Pipelines' v2beta1 REST API on loopback, as far as a client can tell.

Routes, query parameters and the types of bodies come from the API package that is installed
(`kfp_server_api`, generated from Kubeflow's OpenAPI): what it does not know, the stub refuses, in
requests and in its own answers.
"""

import datetime
import email
import http.server
import inspect
import json
import re
import socketserver
import threading
import time
import urllib.parse
import uuid

import kfp_server_api
import yaml

_PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
_SERVICES = ("Experiment", "Pipeline", "PipelineUpload", "RecurringRun", "Run")
PAGE = b"<!doctype html><html><title>Log in</title></html>"


class Refused(Exception):
    """An answer that is not 200; the code is gRPC's, as Kubeflow's gateway sends it."""

    def __init__(self, status, message, code=3):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def check(value, kind, where="body"):
    """Refuses what the OpenAPI type `kind` does not allow."""

    def wrong():
        return Refused(400, f"{where}: {kind} expected, received {value!r}")

    if value is None:
        raise wrong()
    if kind.startswith("list["):
        if not isinstance(value, list):
            raise wrong()
        for index, item in enumerate(value):
            check(item, kind[5:-1], f"{where}[{index}]")
    elif kind.startswith("dict("):
        if not isinstance(value, dict):
            raise wrong()
        for key, item in value.items():
            check(item, kind.partition(", ")[2][:-1], f"{where}.{key}")
    elif kind == "datetime":
        try:
            moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError):
            raise wrong() from None
        if moment.tzinfo is None:
            raise wrong()
    elif kind in _PRIMITIVES:
        is_number_for_bool = isinstance(value, bool) and kind in ("int", "float")
        if not isinstance(value, _PRIMITIVES[kind]) or is_number_for_bool:
            raise wrong()
    else:
        _check_model(value, getattr(kfp_server_api, kind), where, wrong)


def _check_model(value, model, where, wrong):
    if not model.openapi_types:
        if value not in model.allowable_values:
            raise wrong()
        return
    if not isinstance(value, dict):
        raise wrong()
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for key, item in value.items():
        if key not in types:
            raise Refused(400, f"{where}: unknown field {key!r}")
        check(item, types[key], f"{where}.{key}")


class Operation:
    """One entry of the OpenAPI, read from the method that the generator made of it."""

    def __init__(self, name, method):
        source, text = inspect.getsource(method), method.__doc__
        [(self.path, self.verb)] = re.findall(r"'(/apis/[^']+)', '(\w+)'", source)
        self.name = name.removesuffix("_with_http_info").partition("_service_")[2] or (
            name.removesuffix("_with_http_info")
        )
        self.answer = re.findall(r"response_type='([^']+)'", source)[0]
        kinds = dict(re.findall(r":type (\w+): (\w+)", text))
        self.query = set(re.findall(r"query_params\.append\(\('(\w+)'", source))
        bodies = [kind for kind in kinds.values() if kind.startswith("V2beta1")]
        self.body = bodies[0] if bodies else None
        pattern = re.sub(r"\\{[\w.\\]+\\}", "([^/:]+)", re.escape(self.path))
        self.pattern = re.compile(pattern)


def _operations():
    for service in _SERVICES:
        api = getattr(kfp_server_api, f"{service}ServiceApi")
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if name.endswith("_with_http_info"):
                yield Operation(name, method)


# Fixed paths first: `pipelines/upload` is not the pipeline named upload.
OPERATIONS = sorted(_operations(), key=lambda operation: operation.path.count("{"))


class _Server(socketserver.ThreadingTCPServer):
    """Without the look-up of its own name that http.server's does, seconds on some networks."""

    daemon_threads = True


class Stub:
    """A context manager; `url` is where it listens.

    Attributes to set:
      tag: the version that healthz tells; `None` for none. page_server: as KFP's pages tell it.
      token: asked for where it is not empty.
      namespaces: of an installation for several users; `None` for one of one user.
      mode: "" or what it is instead: "html", "redirect", "loop", "v1", "v1-page", "elsewhere",
        "hang", "broken".
      failing: names of operations that answer 500.
      page_size: the most objects in one answer.
      story: answers to successive looks at a run: (state, {task: state}); the last one stays.

    Attributes to read:
      requests: (operation or path, body).
      experiments, pipelines, versions, runs, recurring: what it holds, by identifier.
    """

    def __init__(self):
        self.tag, self.page_server = "2.5.0", False
        self.token, self.namespaces, self.mode = "", None, ""
        self.failing, self.page_size = set(), 200
        self.story = [("SUCCEEDED", {})]
        self.requests = []
        self.experiments, self.pipelines, self.versions = {}, {}, {}
        self.runs, self.recurring = {}, {}
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
        unknown = set(query) - operation.query
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

    def _in_namespace(self, namespace):
        if self.namespaces is None:
            return
        if not namespace:
            raise Refused(400, "A resource cannot have an empty namespace in multi-user mode")
        if namespace not in self.namespaces:
            raise Refused(403, f"User is not authorized to list in namespace {namespace}.", 7)

    def _list(self, field, objects, filter="", page_size="10", page_token="", **_):
        chosen = list(objects)
        if filter:
            question = json.loads(filter)
            check(question, "V2beta1Filter", "filter")
            for predicate in question["predicates"]:
                if (predicate["operation"], predicate["key"]) != ("EQUALS", "display_name"):
                    raise Refused(400, f"this stub does not filter by {predicate}")
                wanted = predicate["string_value"]
                chosen = [item for item in chosen if item["display_name"] == wanted]
        start, size = int(page_token or 0), min(int(page_size), self.page_size)
        page = {field: chosen[start : start + size], "total_size": len(chosen)}
        if start + size < len(chosen):
            page["next_page_token"] = str(start + size)
        return page

    @staticmethod
    def _get(objects, key):
        if key not in objects:
            raise Refused(404, f"ResourceNotFoundError: {key} not found.", 5)
        return objects[key]

    def list_experiments(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("experiments", self.experiments.values(), **paging)

    def create_experiment(self, body):
        self._in_namespace(body.get("namespace"))
        made = body | {"experiment_id": _id()}
        self.experiments[made["experiment_id"]] = made
        return made

    def list_pipelines(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("pipelines", self.pipelines.values(), **paging)

    def upload_pipeline(self, uploadfile, name="", namespace="", **_):
        self._in_namespace(namespace)
        if any(known["display_name"] == name for known in self.pipelines.values()):
            raise Refused(409, f"AlreadyExist: the pipeline {name} exists.", 6)
        made = {"pipeline_id": _id(), "display_name": name}
        self.pipelines[made["pipeline_id"]] = made
        self.upload_pipeline_version(uploadfile, name=name, pipelineid=made["pipeline_id"])
        return made

    def upload_pipeline_version(self, uploadfile, name="", pipelineid="", **_):
        self._get(self.pipelines, pipelineid)
        if any(
            (known["pipeline_id"], known["display_name"]) == (pipelineid, name)
            for known in self.versions.values()
        ):
            raise Refused(409, f"AlreadyExist: the version {name} exists.", 6)
        made = {"pipeline_id": pipelineid, "pipeline_version_id": _id(), "display_name": name}
        made["pipeline_spec"] = _spec_of(uploadfile)
        self.versions[made["pipeline_version_id"]] = made
        return made

    def list_pipeline_versions(self, pipeline_id, **paging):
        mine = [item for item in self.versions.values() if item["pipeline_id"] == pipeline_id]
        return self._list("pipeline_versions", mine, **paging)

    def create_run(self, body, **_):
        _require(body, "display_name", "pipeline_spec")
        self._get(self.experiments, body.get("experiment_id"))
        _check_spec(body["pipeline_spec"])
        made = body | {"run_id": _id(), "state": "PENDING"}
        self.runs[made["run_id"]] = made | {"looks": 0}
        return made

    def get_run(self, run_id, **_):
        run = self._get(self.runs, run_id)
        state, tasks = self.story[min(run["looks"], len(self.story) - 1)]
        run["looks"] += 1
        details = [_detail(run_id, name, told) for name, told in tasks.items()]
        shown = {key: value for key, value in run.items() if key != "looks"}
        return shown | {"state": state, "run_details": {"task_details": details}}

    def create_recurring_run(self, body):
        _require(
            body, "display_name", "trigger", "mode", "max_concurrency", "pipeline_version_reference"
        )
        self._get(self.experiments, body.get("experiment_id"))
        reference = body["pipeline_version_reference"]
        version = self._get(self.versions, reference.get("pipeline_version_id"))
        if version["pipeline_id"] != reference.get("pipeline_id"):
            raise Refused(400, "the version is of another pipeline")
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Refused(400, "The max concurrency must be between 1 and 10.")
        if len(body["trigger"]["cron_schedule"]["cron"].split()) != 6:
            raise Refused(400, "the stub takes schedules of six fields, seconds first")
        status = "ENABLED" if body["mode"] == "ENABLE" else "DISABLED"
        made = body | {"recurring_run_id": _id(), "status": status}
        self.recurring[made["recurring_run_id"]] = made
        return made

    def list_recurring_runs(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("recurringRuns", self.recurring.values(), **paging)

    def disable_recurring_run(self, recurring_run_id):
        self._get(self.recurring, recurring_run_id)["status"] = "DISABLED"
        return {}

    def enable_recurring_run(self, recurring_run_id):
        self._get(self.recurring, recurring_run_id)["status"] = "ENABLED"
        return {}

    def delete_recurring_run(self, recurring_run_id, **_):
        self._get(self.recurring, recurring_run_id)
        del self.recurring[recurring_run_id]
        return {}


def _id():
    return str(uuid.uuid4())


def _require(body, *names):
    for name in names:
        if not body.get(name):
            raise Refused(400, f"Invalid input error: {name} must not be empty")


def _detail(run_id, name, told):
    """A task's state, or its state and the seconds it took; `None` for one without a start."""
    state, seconds = told if isinstance(told, tuple) else (told, 0)
    start = datetime.datetime(2030, 1, 1, 2, tzinfo=datetime.timezone.utc)
    end = start + datetime.timedelta(seconds=seconds) if seconds else None
    if seconds is None:
        start = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    return {
        "run_id": run_id,
        "display_name": name,
        "state": state,
        "start_time": start.isoformat(),
        # What Kubeflow writes where it has no time.
        "end_time": end.isoformat() if end else "1970-01-01T00:00:00Z",
    }


def _uploaded(content_type, data):
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data
    )
    for part in message.walk():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            return part.get_payload(decode=True)
    raise Refused(400, "Failed to read the file: uploadfile is missing")


def _spec_of(text):
    documents = list(yaml.safe_load_all(text))
    if len(documents) > 1:
        return _check_spec({"pipeline_spec": documents[0], "platform_spec": documents[1]})
    return _check_spec(documents[0])


def _check_spec(spec):
    inner = spec.get("pipeline_spec", spec)
    if inner.get("schemaVersion") != "2.1.0" or "root" not in inner:
        raise Refused(400, "Invalid input error: not a pipeline spec of schema 2.1.0")
    return spec
