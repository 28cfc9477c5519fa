"""TensorFlow Serving's REST API, its metrics, and the web page with a list of the models."""

import asyncio
import logging
import re
import time
import zlib
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from bitpipe.model.evaluation import Evaluation
from bitpipe.model.layout import pushed_at
from bitpipe.model.signature import SERVING
from serving.server import (
    json_body,
    json_examples,
    json_inputs,
    json_outputs,
    methods,
    metrics,
    page,
    workers,
)
from serving.server.buffered import Buffered
from serving.server.catalog import Catalog
from serving.server.options import Options
from serving.status import Code, InvalidArgumentError, UnimplementedError, code_of, text_of

_log = logging.getLogger(__name__)

# model_servers/http_rest_api_util.cc
_CHOICE = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_CHOICE}:(?P<method>classify|regress|predict)", re.IGNORECASE
)
_STATUS = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_CHOICE}(?:/(?P<metadata>metadata))?", re.IGNORECASE
)
_MAX_VERSION = 2**63 - 1
_MAX_DIGITS = 19  # of a version
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# ToHTTPStatusCode of model_servers/http_server.cc, but for a full queue, which is 429 there: 503 is
# what load balancers take for "try another".
_HTTP = {
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 503,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}


def application(
    catalog: Catalog, counts: metrics.Metrics, options: Options, buffered: Buffered
) -> Starlette:
    """The ASGI application for the models of the catalog."""
    api = _Api(catalog, counts, options, buffered)
    return Starlette(
        routes=[
            # TensorFlow Serving answers every method there, and in any case: see kPathRegex.
            *(
                Route(f"/{letter}1/{{path:path}}", api.answer, methods=_METHODS)
                for letter in ("v", "V")
            ),
            Route("/models", api.models, methods=["GET"]),
            Route(metrics.PATH, api.metrics, methods=["GET"]),
            *page.routes(),
        ]
    )


class _TooLarge(Exception):
    pass


class _Api:
    def __init__(
        self, catalog: Catalog, counts: metrics.Metrics, options: Options, buffered: Buffered
    ) -> None:
        self._catalog = catalog
        self._metrics = counts
        self._buffered = buffered
        self._limits = options.limits
        self._max_bytes = options.limits.max_message_bytes
        self._workers = workers.Workers()

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.page(), media_type=metrics.CONTENT_TYPE)

    async def models(self, _: Request) -> Response:
        """An addition to TensorFlow Serving's API, which cannot list its models."""
        listed = []
        for name in self._catalog.versions():
            evaluations = self._catalog.evaluations(name)
            request = get_model_status_pb2.GetModelStatusRequest()
            request.model_spec.name = name
            listed.append(
                {
                    "name": name,
                    "versions": [
                        {
                            "version": str(version),
                            "state": state.state,
                            "error": state.error_message,
                            "pushed": pushed_at(version),
                            **_facts(evaluations.get(version)),
                        }
                        for version, state in self._catalog.states(request.model_spec).items()
                    ],
                    "labels": self._catalog.labels(name),
                }
            )
        return JSONResponse({"models": listed})

    async def answer(self, request: Request) -> Response:
        started = time.perf_counter()
        path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        pattern = {"POST": _INFERENCE, "GET": _STATUS}.get(request.method)
        match = pattern.fullmatch(path) if pattern else None
        if match and request.method == "POST" and not match["method"].islower():
            match = None  # the path may be in any case, but not this word
        if request.method == "OPTIONS" and request.headers.get("origin", "").startswith("http"):
            return Response()
        name = unquote((match and match["name"]) or "")
        known = name if self._catalog.has(name) else ""
        try:
            if match is None:
                raise InvalidArgumentError(f"Malformed request: {request.method} {path}")
            if request.method == "POST":
                with self._buffered.request() as request.state.held:
                    response = await self._infer(request, match, name)
            else:
                response = self._describe(match, name)
        except ClientDisconnect:
            self._metrics.refused(known, Code.CANCELLED.name)
            return Response(status_code=_HTTP[Code.CANCELLED])
        except _TooLarge:
            self._metrics.refused(known, Code.RESOURCE_EXHAUSTED.name)
            text = f"The request is larger than {self._max_bytes} bytes. Send fewer inputs."
            return JSONResponse({"error": text}, 413)
        except Exception as error:
            code = code_of(error)
            if code is Code.INTERNAL:
                _log.exception("%s %s failed", request.method, path)
            self._metrics.refused(known, code.name)
            headers = {"Retry-After": "1"} if code is Code.RESOURCE_EXHAUSTED else None
            return JSONResponse({"error": text_of(error)}, _HTTP.get(code, 500), headers)
        method = match["method"] if request.method == "POST" else "GetModelStatus"
        self._metrics.answered(known, method, "REST", time.perf_counter() - started)
        return response

    async def _infer(self, request: Request, match: re.Match[str], name: str) -> Response:
        if match["method"] == "regress":
            raise UnimplementedError(
                "The embedded server does not answer regress: use predict, or run TensorFlow "
                "Serving."
            )
        if match["method"] == "classify":
            return await self._classify(request, match, name)
        message = predict_pb2.PredictRequest()
        _fill_spec(message.model_spec, match, name)
        document, reading = await self._document(request, message.model_spec)
        signature = message.model_spec.signature_name or SERVING
        with self._catalog.acquire(message.model_spec) as (_, model):
            if signature not in model.signature_def:
                raise InvalidArgumentError(
                    f'Serving signature name: "{signature}" not found in signature def'
                )
            infos = model.signature_def[signature].inputs
        form = await reading(json_inputs.fill_request, document, infos, message)
        response = await _unless_gone(request, methods.predict(self._catalog, message))
        shapes = ([d.size for d in o.tensor_shape.dim] for o in response.outputs.values())
        writing = self._workers.for_tensors(shapes)
        return _answer(await writing(json_outputs.reply, response.outputs, form), response)

    async def _classify(self, request: Request, match: re.Match[str], name: str) -> Response:
        message = classification_pb2.ClassificationRequest()
        _fill_spec(message.model_spec, match, name)
        document, reading = await self._document(request, message.model_spec)
        await reading(json_examples.fill_request, document, message)
        response = await _unless_gone(request, methods.classify(self._catalog, message))
        shapes = ([len(one.classes)] for one in response.result.classifications)
        writing = self._workers.for_tensors(shapes)
        return _answer(await writing(json_examples.reply, response), response)

    async def _document(self, request: Request, spec: Any) -> tuple[Any, Any]:
        """The request's JSON, and what runs the rest of its reading; its signature goes to `spec`.

        Raises:
            InvalidArgumentError: it is no JSON object of a request, or has too many rows.
        """
        body = await self._body(request)
        reading = self._workers.for_body(body)
        document = await reading(json_body.parse, body)
        workers.check_rows(document, self._limits)
        spec.signature_name = json_body.signature_name(document)
        return document, reading

    def _describe(self, match: re.Match[str], name: str) -> Response:
        if not name:
            raise InvalidArgumentError("Missing model name in request.")
        if not match["metadata"]:
            status = get_model_status_pb2.GetModelStatusRequest()
            _fill_spec(status.model_spec, match, name)
            return JSONResponse(_plain(methods.status(self._catalog, status)))
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill_spec(metadata.model_spec, match, name)
        reply = methods.metadata(self._catalog, metadata)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        reply.metadata["signature_def"].Unpack(signatures)
        return JSONResponse(
            {
                "model_spec": _plain(reply.model_spec),
                "metadata": {"signature_def": _plain(signatures)},
            }
        )

    async def _body(self, request: Request) -> bytes:
        """The request's body; a limit holds for what comes out of gzip, too."""
        gzip = request.headers.get("content-encoding", "").lower() == "gzip"
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None
        parts, size = [], 0
        async for part in request.stream():
            if inflate:
                try:
                    # In a thread: a kilobyte may take as long as the largest body.
                    part = await asyncio.to_thread(
                        inflate.decompress, part, self._max_bytes - size + 1
                    )
                except zlib.error as error:
                    raise InvalidArgumentError(
                        f"The body is not gzip, as its header says: {error}"
                    ) from error
            size += len(part)
            if size > self._max_bytes:
                raise _TooLarge
            request.state.held.grow_to(size)
            parts.append(part)
        if inflate and not inflate.eof:
            raise InvalidArgumentError("The body's gzip ends before its end.")
        return b"".join(parts)


def _facts(known: Evaluation | None) -> dict[str, Any]:
    return {
        "accuracy": known.accuracy if known else None,
        "pictures": known.pictures if known else None,
    }


def _answer(body: bytes, response: Any) -> Response:
    return Response(
        body,
        media_type="application/json",
        headers={"X-Model-Version": str(response.model_spec.version.value)},
    )


def _fill_spec(spec: Any, match: re.Match[str], name: str) -> None:
    spec.name = name
    if match["version"]:
        digits = match["version"].lstrip("0") or "0"
        if len(digits) > _MAX_DIGITS or int(digits) > _MAX_VERSION:
            raise InvalidArgumentError(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(digits)
    elif match["label"]:
        spec.version_label = unquote(match["label"])


def _plain(message: Any) -> Any:
    """As TensorFlow Serving prints it: fields that are not set too, int64 as strings."""
    options: dict[str, Any] = {"preserving_proto_field_name": True}
    try:
        return json_format.MessageToDict(message, including_default_value_fields=True, **options)
    except TypeError:  # protobuf >= 5
        return json_format.MessageToDict(
            message, always_print_fields_with_no_presence=True, **options
        )


async def _unless_gone(request: Request, work: Any) -> Any:
    """Awaits `work`, and cancels it when the client hangs up."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        waiting.cancel()
