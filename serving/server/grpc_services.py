"""TensorFlow Serving's gRPC services: its replies, its codes, its texts."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import admission, methods, wire
from serving.server.buffered import Buffered
from serving.server.catalog import Catalog
from serving.server.metrics import Metrics
from serving.status import StatusError, code_of, text_of

_log = logging.getLogger(__name__)

_SERVICES = (
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
)
_MAX_TEXT_BYTES = 1024
_GRPC = {code.value[0]: code for code in grpc.StatusCode}
UNPARSABLE = "The request is no message of this method"
_Handler = Callable[[Any, Any, grpc.aio.ServicerContext], Awaitable[Any]]


def add_to_server(
    server: grpc.aio.Server,
    catalog: Catalog,
    metrics: Metrics,
    model_root: Path | None,
    buffered: Buffered,
) -> health.aio.HealthServicer:
    """Lets `server` answer for the models of the catalog; returns the health it reports.

    Args:
        server: not started yet.
        catalog: the models.
        metrics: told of each request.
        model_root: the folder that models named by a client must lie in; None for no such models.
        buffered: what requests in progress hold.
    """
    servicers = (
        _PredictionService(catalog, metrics),
        _ModelService(catalog, metrics, model_root),
    )
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(service, _handlers(servicer, buffered))
            for service, servicer in zip(_SERVICES, servicers, strict=True)
        ]
    )
    reported = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(reported, server)
    reflection.enable_server_reflection(
        (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    return reported


def _handlers(servicer: Any, buffered: Buffered) -> dict[str, grpc.RpcMethodHandler]:
    """The servicer's methods.

    What the generated code adds says UNKNOWN, and logs a traceback, for each request that is no
    message.
    """
    counting = ThreadPoolExecutor(1, thread_name_prefix="many-fields")
    return {
        method: grpc.unary_unary_rpc_method_handler(
            _parsing(getattr(servicer, method), request_class, buffered, counting),
            response_serializer=lambda response: response.SerializeToString(),
        )
        for method, request_class in servicer.REQUESTS.items()
    }


def _parsing(
    method: Callable[..., Any], request_class: Any, buffered: Buffered, counting: Executor
) -> Any:
    """The method for bytes. It is given the message, or why there is none."""

    async def answer(data: bytes, context: grpc.aio.ServicerContext) -> Any:
        with buffered.request() as held:
            try:
                held.grow_to(len(data))
                if request_class is not None and len(data) >= wire.MIN_BYTES:
                    # Away from the loop: so many fields are counted in a tenth of a second.
                    await asyncio.get_running_loop().run_in_executor(
                        counting, admission.check_message, data, request_class
                    )
                request = request_class and request_class.FromString(data)
            except (DecodeError, StatusError) as error:
                request = error
            del data
            return await method(request, context)

    return answer


async def report_serving(reported: health.aio.HealthServicer) -> None:
    """Lets the health service say SERVING, for the server and each of its services."""
    # TensorFlow Serving's names lack the package, against gRPC's convention: both are there.
    for service in ("", *_SERVICES, *(name.rpartition(".")[2] for name in _SERVICES)):
        await reported.set(service, health_pb2.HealthCheckResponse.SERVING)


def _answers(method: _Handler) -> _Handler:
    """Turns errors into gRPC's."""

    @functools.wraps(method)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext) -> Any:
        started = time.perf_counter()
        if isinstance(request, DecodeError):
            self.metrics.refused("", grpc.StatusCode.INTERNAL.name)
            # The code that gRPC has for it (doc/statuscodes.md), also in TensorFlow Serving.
            await context.abort(grpc.StatusCode.INTERNAL, f"{UNPARSABLE}: {request}")
        model = _known_name(self.catalog, request)
        try:
            if isinstance(request, StatusError):
                raise request
            response = await method(self, request, context)
        except asyncio.CancelledError:
            self.metrics.refused(model, grpc.StatusCode.CANCELLED.name)
            raise
        except Exception as error:
            code = _GRPC[code_of(error)]
            if code is grpc.StatusCode.INTERNAL:
                _log.exception("%s failed", method.__name__)
            self.metrics.refused(model, code.name)
            await context.abort(code, _cut(text_of(error)))
        self.metrics.answered(model, method.__name__, "GRPC", time.perf_counter() - started)
        return response

    return answer


def _cut(text: str) -> str:
    """Headers of HTTP/2 are limited (model_servers/grpc_status_util.cc)."""
    encoded = text.encode()
    if len(encoded) <= _MAX_TEXT_BYTES:
        return text
    return encoded[:_MAX_TEXT_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"


def _known_name(catalog: Catalog, request: Any) -> str:
    """The model's name, or none: a client must not be able to fill the memory with names."""
    spec = getattr(request, "model_spec", None)
    return spec.name if spec is not None and catalog.has(spec.name) else ""


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    REQUESTS: ClassVar = {
        "Predict": predict_pb2.PredictRequest,
        "GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
        "Classify": classification_pb2.ClassificationRequest,
        "Regress": None,
        "MultiInference": None,
    }

    def __init__(self, catalog: Catalog, metrics: Metrics) -> None:
        self.catalog = catalog
        self.metrics = metrics

    @_answers
    async def Predict(self, request: Any, _: grpc.aio.ServicerContext) -> Any:
        return await methods.predict(self.catalog, request)

    @_answers
    async def GetModelMetadata(self, request: Any, _: grpc.aio.ServicerContext) -> Any:
        return methods.metadata(self.catalog, request)

    @_answers
    async def Classify(self, request: Any, _: grpc.aio.ServicerContext) -> Any:
        return await methods.classify(self.catalog, request)

    async def Regress(self, _: Any, context: grpc.aio.ServicerContext) -> None:
        await _abort_unimplemented(context, "Regress")

    async def MultiInference(self, _: Any, context: grpc.aio.ServicerContext) -> None:
        await _abort_unimplemented(context, "MultiInference")


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    REQUESTS: ClassVar = {
        "GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
        "HandleReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
    }

    def __init__(self, catalog: Catalog, metrics: Metrics, model_root: Path | None) -> None:
        self.catalog = catalog
        self.metrics = metrics
        self._model_root = model_root

    @_answers
    async def GetModelStatus(self, request: Any, _: grpc.aio.ServicerContext) -> Any:
        return methods.status(self.catalog, request)

    @_answers
    async def HandleReloadConfigRequest(self, request: Any, _: grpc.aio.ServicerContext) -> Any:
        return await methods.reload(self.catalog, request, self._model_root)


async def _abort_unimplemented(context: grpc.aio.ServicerContext, method: str) -> None:
    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"The embedded server does not answer {method}: use Predict, or run TensorFlow Serving.",
    )
