"""TensorFlow Serving's gRPC services over a `ModelManager`: its replies, its codes, its texts."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.manager import ModelManager
from serving.servable import SavedModelServable

_log = logging.getLogger(__name__)

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_Method = TypeVar("_Method", bound=Callable[..., Any])


def add_to_server(
    server: grpc.Server, name: str, manager: ModelManager[SavedModelServable]
) -> None:
    """Lets `server` answer for the model `name`."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(name, manager), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(name, manager), server)


def _answers(method: _Method) -> _Method:
    """Turns TensorFlow's errors into gRPC's: both use the same numbers."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except tf.errors.OpError as error:
            context.abort(_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message)
        except Exception as error:
            _log.exception("%s failed", method.__name__)
            context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")

    return answer  # type: ignore[return-value]


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, name: str, manager: ModelManager[SavedModelServable]) -> None:
        self._name = name
        self._manager = manager

    @_answers
    def Predict(self, request: Any, _: grpc.ServicerContext) -> Any:
        version = _requested_version(request, self._name)
        try:
            with self._manager.acquire(version) as (served, servable):
                response = servable.predict(request)
        except LookupError as error:
            raise _servable_not_found(self._name, version) from error
        response.model_spec.name = self._name
        response.model_spec.version.value = served
        return response

    @_answers
    def GetModelMetadata(self, request: Any, _: grpc.ServicerContext) -> Any:
        version = _requested_version(request, self._name)
        if not request.metadata_field:
            raise _invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise _invalid(f"Metadata field {field} is not supported")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        try:
            with self._manager.acquire(version) as (served, servable):
                for name, signature in servable.signature_def.items():
                    signatures.signature_def[name].CopyFrom(signature)
        except LookupError as error:
            raise _servable_not_found(self._name, version) from error
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._name
        response.model_spec.version.value = served
        response.metadata["signature_def"].Pack(signatures)
        return response

    def Classify(self, _: Any, context: grpc.ServicerContext) -> None:
        _abort_unimplemented(context, "Classify", "use Predict")

    def Regress(self, _: Any, context: grpc.ServicerContext) -> None:
        _abort_unimplemented(context, "Regress", "use Predict")

    def MultiInference(self, _: Any, context: grpc.ServicerContext) -> None:
        _abort_unimplemented(context, "MultiInference", "use Predict")


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, name: str, manager: ModelManager[SavedModelServable]) -> None:
        self._name = name
        self._manager = manager

    @_answers
    def GetModelStatus(self, request: Any, _: grpc.ServicerContext) -> Any:
        if not request.HasField("model_spec"):
            raise _invalid("Missing ModelSpec")
        spec = request.model_spec
        states = self._manager.states() if spec.name == self._name else {}
        if spec.HasField("version"):
            version = spec.version.value
            if version not in states:
                raise _not_found(f"Could not find version {version} of model {spec.name}")
            states = {version: states[version]}
        if not states:
            raise _not_found(f"Could not find any versions of model {spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, state in sorted(states.items(), reverse=True):
            status = response.model_version_status.add(version=version, state=state.state)
            status.status.error_code = state.error_code
            status.status.error_message = state.error_message
        return response

    def HandleReloadConfigRequest(self, _: Any, context: grpc.ServicerContext) -> None:
        _abort_unimplemented(
            context, "HandleReloadConfigRequest", "new versions are found without it"
        )


def _requested_version(request: Any, name: str) -> int | None:
    """The version which a request for the model `name` asks for, None for the newest."""
    if not request.HasField("model_spec"):
        raise _invalid("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        raise _invalid("ModelSpec has no name specified.")
    if spec.WhichOneof("version_choice") == "version_label":
        raise _invalid(f"Unrecognized servable version label: {spec.version_label}")
    version = spec.version.value if spec.HasField("version") else None
    if spec.name != name:
        raise _servable_not_found(spec.name, version)
    return version


def _servable_not_found(name: str, version: int | None) -> tf.errors.NotFoundError:
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return _not_found(f"Servable not found for request: {wanted}")


def _not_found(text: str) -> tf.errors.NotFoundError:
    return tf.errors.NotFoundError(None, None, text)


def _invalid(text: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, text)


def _abort_unimplemented(context: grpc.ServicerContext, method: str, instead: str) -> None:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"The embedded server does not answer {method}: {instead}, or run TensorFlow Serving.",
    )
