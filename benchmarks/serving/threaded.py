"""The server's own parts behind gRPC's server of threads: what an event loop is held against."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving.model.servable import SavedModelServable
from serving.server import batching, limits
from serving.server.metrics import Metrics
from serving.server.options import Options

_SERVICE = "tensorflow.serving.PredictionService"


class _AtOnce:
    """Stands in for an event loop: results go to the thread that waits for them."""

    def call_soon_threadsafe(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)


class _Task(batching._Task):
    __slots__ = ()

    def __init__(self, signature: str, inputs: batching.Inputs) -> None:
        self.signature, self.inputs, self.rows = signature, inputs, len(inputs[0])
        self.pixels, self.is_heavy = [0] * self.rows, False
        self.key = (signature, *((x.dtype, x.shape[1:]) for x in inputs))
        self.loop, self.future = _AtOnce(), Future()  # type: ignore[assignment]
        self.enqueued_s = time.monotonic()


class _Batcher(batching.Batcher):
    def wait(self, signature: str, inputs: tuple[np.ndarray, ...]) -> batching.Outputs:
        task = _Task(signature, inputs)
        with self._changed:
            self._queue.append(task)
            self._count([task], 1)
            self._changed.notify()
        return task.future.result()


def server(saved_model: Path, name: str, threads: int, options: Options) -> grpc.Server:
    """A server that answers Predict, with the same checks, batches and metrics; not started."""
    metrics = Metrics()
    servable = SavedModelServable(saved_model)
    batcher = _Batcher(
        servable.run,
        options.batching,
        lambda rows, waited_s: metrics.batched(name, rows, waited_s),
    )

    def predict(request: Any, _: grpc.ServicerContext) -> Any:
        started = time.perf_counter()
        call = servable.call(request)
        names = sorted(servable.signature_def[call.signature].inputs)
        limits.check(call.inputs, options.limits, names=names)
        response = servable.response(call, batcher.wait(call.signature, call.inputs))
        response.model_spec.name = name
        response.model_spec.version.value = 1
        metrics.answered(name, "Predict", "GRPC", time.perf_counter() - started)
        return response

    handler = grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=predict_pb2.PredictRequest.FromString,
        response_serializer=predict_pb2.PredictResponse.SerializeToString,
    )
    made = grpc.server(ThreadPoolExecutor(threads))
    made.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(_SERVICE, {"Predict": handler})]
    )
    return made
