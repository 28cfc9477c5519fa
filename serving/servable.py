"""One version of a SavedModel that answers PredictRequests as TensorFlow Serving would.

It runs in a session, as in TensorFlow Serving, rather than through `tf.saved_model.load`: the same
graph, tensor names, limits and error texts, and closing it frees its memory.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

_log = logging.getLogger(__name__)

# The texts below are those of TensorFlow Serving (servables/tensorflow/predict_util.cc).
_METHODS = tuple(f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress"))
_WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MAX_WARMUP_RECORDS = 1000  # servables/tensorflow/saved_model_warmup_util.h

# A numeric tensor may leave out a tail of equal values: a small message can ask for a huge array.
_MAX_TENSOR_BYTES = 2**28

# TensorFlow Serving replies in these fields, never in `tensor_content`, and clients rely on it.
_VALUE_FIELDS = {
    tf.bool: "bool_val",
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.string: "string_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
}


class SavedModelServable:
    """A SavedModel, loaded and warmed up. Safe to share between threads.

    Attributes:
        signature_def: name -> SignatureDef.

    Raises:
        tf.errors.OpError, ValueError, OSError: the model cannot be loaded or its warm-up fails.
    """

    def __init__(self, path: Path) -> None:
        config = tf.compat.v1.ConfigProto()
        # Two versions share the accelerator while one takes over from the other.
        config.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            meta_graph = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
            self.signature_def = dict(meta_graph.signature_def)
            self._warm_up(path / _WARMUP_FILE)
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        self._session.close()

    def predict(self, request: Any) -> Any:
        """Returns the PredictResponse to a PredictRequest, without `model_spec`'s name and version.

        Raises:
            tf.errors.OpError: with TensorFlow Serving's code and text.
        """
        name = request.model_spec.signature_name or "serving_default"
        signature = self.signature_def.get(name)
        if signature is None:
            raise tf.errors.FailedPreconditionError(
                None, None, f'Serving signature key "{name}" not found.'
            )
        if signature.method_name not in _METHODS:
            raise tf.errors.InternalError(
                None,
                None,
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(_METHODS)}}}. Was: {signature.method_name}",
            )
        _check_names(signature, request)
        inputs = [
            _array(alias, index, request.inputs[alias], info)
            for index, (alias, info) in enumerate(sorted(signature.inputs.items()))
        ]
        outputs = self._run(signature, inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.signature_name = name
        for alias in request.output_filter or outputs:
            dtype = tf.dtypes.as_dtype(signature.outputs[alias].dtype)
            _fill(response.outputs[alias], outputs[alias], dtype)
        return response

    def _run(self, signature: Any, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs, even if the request filters them: requests with the same work can be joined.

        Args:
            inputs: in the order of their sorted names.
        """
        feeds = [info.name for _, info in sorted(signature.inputs.items())]
        fetches = {alias: info.name for alias, info in signature.outputs.items()}
        try:
            return self._session.run(fetches, dict(zip(feeds, inputs, strict=True)))
        except tf.errors.OpError as error:
            # The session decorates the kernel's error; TensorFlow Serving sends it as it is.
            kernel_error = error.__context__
            raise (kernel_error if isinstance(kernel_error, tf.errors.OpError) else error) from None

    def _warm_up(self, path: Path) -> None:
        if not path.is_file():
            return
        records = tf.data.TFRecordDataset(str(path)).take(_MAX_WARMUP_RECORDS + 1)
        count = 0
        for count, record in enumerate(records.as_numpy_iterator(), start=1):
            if count > _MAX_WARMUP_RECORDS:
                raise tf.errors.InvalidArgumentError(
                    None,
                    None,
                    f"Number of warmup records exceeds the maximum ({_MAX_WARMUP_RECORDS}) "
                    f"at {path}",
                )
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") == "predict_log":
                self.predict(log.predict_log.request)
            else:
                _log.warning("Left out a warm-up record that is no predict_log in %s", path)
        _log.info("Warmed up with %d requests from %s", count, path)


def _check_names(signature: Any, request: Any) -> None:
    wanted, received = set(signature.inputs), set(request.inputs)
    if len(wanted) != len(received):
        raise tf.errors.InvalidArgumentError(
            None,
            None,
            f"input size does not match signature: {len(received)}!={len(wanted)} "
            f"len({_braced(received)}) != len({_braced(wanted)}). "
            f"Sent extra: {_braced(received - wanted)}. "
            f"Missing but required: {_braced(wanted - received)}.",
        )
    if wanted != received:
        raise tf.errors.InvalidArgumentError(
            None,
            None,
            f"input tensor alias not found in signature: {min(received - wanted)}. "
            f"Inputs expected to be in the set {_braced(wanted)}.",
        )
    seen = set()
    for alias in request.output_filter:
        if alias not in signature.outputs:
            raise tf.errors.InvalidArgumentError(
                None,
                None,
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}.",
            )
        if alias in seen:
            raise tf.errors.InvalidArgumentError(
                None, None, f"duplicate output tensor alias: {alias}"
            )
        seen.add(alias)


def _array(alias: str, index: int, proto: Any, info: Any) -> np.ndarray:
    """The value of a TensorProto, checked against the TensorInfo of the signature."""
    if proto.dtype != info.dtype:
        raise tf.errors.InvalidArgumentError(
            None,
            None,
            f"input {alias}: Expects arg[{index}] to be {_type_name(info)} but "
            f"{_type_name(proto)} is provided",
        )
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    count = math.prod(sizes)
    dtype = tf.dtypes.as_dtype(info.dtype)
    if (
        proto.tensor_shape.unknown_rank
        or min(sizes, default=0) < 0
        or count * dtype.size > _MAX_TENSOR_BYTES
        or (dtype == tf.string and count != len(proto.string_val))
    ):
        raise tf.errors.InvalidArgumentError(None, None, f"tensor parsing error: {alias}")
    expected = tf.TensorShape(info.tensor_shape)
    if not expected.is_compatible_with(sizes):
        raise tf.errors.InvalidArgumentError(
            None, None, f"input {alias}: Expects shape {expected} but {tuple(sizes)} is provided"
        )
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise tf.errors.InvalidArgumentError(
            None, None, f"tensor parsing error: {alias}"
        ) from error


def _fill(proto: Any, value: np.ndarray, dtype: tf.DType) -> None:
    field = _VALUE_FIELDS.get(dtype)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(value, dtype))
        return
    proto.dtype = dtype.as_datatype_enum
    for size in np.shape(value):
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, field).extend(np.ravel(value).tolist())


def _type_name(message: Any) -> str:
    """The dtype as C++ spells it: float, not float32."""
    names = message.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number
    value = names.get(message.dtype)
    return f"type {message.dtype}" if value is None else value.name[len("DT_") :].lower()


def _braced(names: Any) -> str:
    return "{" + ",".join(sorted(names)) + "}"
