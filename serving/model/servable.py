"""One version of a SavedModel that answers requests as TensorFlow Serving would.

It runs in a session, as in TensorFlow Serving, rather than through `tf.saved_model.load`: the same
graph, tensor names, limits and error texts, and closing it frees its memory.
"""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from bitpipe.model.signature import SERVING
from bitpipe.stores.links import without_pattern
from serving import status, texts
from serving.model import tensors
from serving.status import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
)

_log = logging.getLogger(__name__)

# The texts below are those of TensorFlow Serving (servables/tensorflow/predict_util.cc).
_METHODS = tuple(f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress"))
_WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MAP_FN_ITERATIONS = (
    10  # of a batch, each decoding a picture, at the same time: tf.map_fn's default
)
_MAX_WARMUP_RECORDS = 1000  # servables/tensorflow/saved_model_warmup_util.h


@dataclass(frozen=True)
class Call:
    """What a request asks of the model.

    Attributes:
        signature: its name.
        inputs: in the order of their sorted names.
        outputs: the names of those wanted.
    """

    signature: str
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[str, ...]


class SavedModelServable:
    """A SavedModel, loaded and warmed up. Safe to share between threads.

    Args:
        path: its folder, on a disk or in a store that TensorFlow reads.
        warm_up: ask it what its warm-up file says; for a job that waits for all answers, not for
            the first one, it is a loss of time.

    Attributes:
        signature_def: name -> SignatureDef.

    Raises:
        StatusError, ValueError, OSError: the model cannot be loaded or its warm-up fails.
    """

    def __init__(self, path: str | Path, *, warm_up: bool = True) -> None:
        config = tf.compat.v1.ConfigProto()
        # Two versions share the accelerator while one takes over from the other.
        config.gpu_options.allow_growth = True
        # A picture of 100 megapixels keeps a thread for seconds; small ones must find another, also
        # where there is a single core.
        config.inter_op_parallelism_threads = (os.cpu_count() or 1) + _MAP_FN_ITERATIONS
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        self._callable = functools.cache(self._make_callable)
        try:
            with without_pattern(str(path)) as folder:
                meta_graph = tf.compat.v1.saved_model.load(self._session, ["serve"], folder)
            self.signature_def = dict(meta_graph.signature_def)
            if warm_up:
                self._warm_up(tf.io.gfile.join(str(path), *_WARMUP_FILE.parts))
        except BaseException as error:
            self._session.close()
            if isinstance(error, tf.errors.OpError):
                raise status.of(error.error_code, texts.sentence(str(error.message))) from error
            raise

    def close(self) -> None:
        """Frees the memory; nothing may be asked afterwards."""
        self._session.close()

    def predict(self, request: Any) -> Any:
        """Returns the PredictResponse to a PredictRequest, without `model_spec`'s name and version.

        Raises:
            StatusError: with TensorFlow Serving's code and text.
        """
        call = self.call(request)
        return self.response(call, self.run(call.signature, call.inputs))

    def call(self, request: Any) -> Call:
        """Checks a PredictRequest against the signature it names.

        Raises:
            StatusError: with TensorFlow Serving's code and text.
        """
        name = request.model_spec.signature_name or SERVING
        signature = self.signature_def.get(name)
        if signature is None:
            raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
        if signature.method_name not in _METHODS:
            raise InternalError(
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(_METHODS)}}}. Was: {signature.method_name}",
            )
        _check_names(signature, request)
        inputs = tuple(
            tensors.array(alias, index, request.inputs[alias], info)
            for index, (alias, info) in enumerate(sorted(signature.inputs.items()))
        )
        return Call(name, inputs, tuple(request.output_filter) or tuple(signature.outputs))

    def run(self, signature: str, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs, even those a request leaves out: requests for the same can be joined.

        Args:
            signature: its name.
            inputs: in the order of their sorted names.

        Raises:
            StatusError: the model cannot use the inputs; TensorFlow's own code and first sentence.
        """
        try:
            return self._callable(signature)(*inputs)
        except tf.errors.OpError as error:
            raise status.of(error.error_code, texts.sentence(str(error.message))) from error

    def response(self, call: Call, outputs: dict[str, np.ndarray]) -> Any:
        """The PredictResponse with the outputs wanted."""
        infos = self.signature_def[call.signature].outputs
        response = predict_pb2.PredictResponse()
        response.model_spec.signature_name = call.signature
        for alias in call.outputs:
            tensors.fill(
                response.outputs[alias], outputs[alias], tf.dtypes.as_dtype(infos[alias].dtype)
            )
        return response

    @functools.cached_property
    def batched(self) -> frozenset[str]:
        """Names of the signatures whose inputs and outputs all have rows, in any number."""
        return frozenset(
            name
            for name, signature in self.signature_def.items()
            if signature.inputs
            and all(
                _has_rows(info)
                for infos in (signature.inputs, signature.outputs)
                for info in infos.values()
            )
        )

    def _make_callable(self, name: str) -> Callable[..., dict[str, np.ndarray]]:
        """A function of the signature's inputs.

        `make_callable` would go through `Session.run` and its search for feeds and fetches, which
        costs as much as a tiny model; and its errors are decorated, where this one's are sent by
        TensorFlow Serving as they are.
        """
        signature = self.signature_def[name]
        aliases = list(signature.outputs)
        options = config_pb2.CallableOptions(
            feed=[info.name for _, info in sorted(signature.inputs.items())],
            fetch=[signature.outputs[alias].name for alias in aliases],
        )
        run = self._session._make_callable_from_options(options)
        return lambda *inputs: dict(zip(aliases, run(*inputs), strict=True))

    def _warm_up(self, path: str) -> None:
        if not tf.io.gfile.exists(path):
            return
        records = tf.data.TFRecordDataset(path).take(_MAX_WARMUP_RECORDS + 1)
        count = 0
        for count, record in enumerate(records.as_numpy_iterator(), start=1):
            if count > _MAX_WARMUP_RECORDS:
                raise InvalidArgumentError(
                    f"Number of warmup records exceeds the maximum ({_MAX_WARMUP_RECORDS}) "
                    f"at {path}"
                )
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") == "predict_log":
                self.predict(log.predict_log.request)
            else:
                _log.warning("Left out a warm-up record that is no predict_log in %s", path)
        _log.info("Warmed up with %d requests from %s", count, path)


def _has_rows(info: Any) -> bool:
    dims = info.tensor_shape.dim
    return not info.tensor_shape.unknown_rank and bool(dims) and dims[0].size < 0


def _check_names(signature: Any, request: Any) -> None:
    wanted, received = set(signature.inputs), set(request.inputs)
    if len(wanted) != len(received):
        raise InvalidArgumentError(
            f"input size does not match signature: {len(received)}!={len(wanted)} "
            f"len({_braced(received)}) != len({_braced(wanted)}). "
            f"Sent extra: {_braced(received - wanted)}. "
            f"Missing but required: {_braced(wanted - received)}."
        )
    for alias in sorted(wanted - received):
        raise InvalidArgumentError(
            f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found "
            f"in request and no default value provided. Inputs expected to be in the request "
            f"{_braced(received)}, or default input alias set: "
        )
    seen = set()
    for alias in request.output_filter:
        if alias not in signature.outputs:
            raise InvalidArgumentError(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}."
            )
        if alias in seen:
            raise InvalidArgumentError(f"duplicate output tensor alias: {alias}")
        seen.add(alias)


def _braced(names: Any) -> str:
    return "{" + ",".join(sorted(names)) + "}"
