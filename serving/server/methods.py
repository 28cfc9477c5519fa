"""The methods of TensorFlow Serving's API, from its messages to its messages: for any transport.

All raise StatusError with TensorFlow Serving's code and text.
"""

import asyncio
from pathlib import Path
from typing import Any

from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
)

from bitpipe.errors import ServingError
from serving.server import model_config
from serving.server.catalog import Catalog
from serving.status import FailedPreconditionError, InvalidArgumentError, StatusError


async def predict(catalog: Catalog, request: Any) -> Any:
    """The PredictResponse to a PredictRequest."""
    _check_spec(request)
    with catalog.acquire(request.model_spec) as (version, model):
        response = await model.predict(request)
    _fill_spec(response, request, version)
    return response


async def classify(catalog: Catalog, request: Any) -> Any:
    """The ClassificationResponse to a ClassificationRequest."""
    _check_spec(request)
    with catalog.acquire(request.model_spec) as (version, model):
        response = await model.classify(request)
    _fill_spec(response, request, version)
    return response


def metadata(catalog: Catalog, request: Any) -> Any:
    """The GetModelMetadataResponse to a GetModelMetadataRequest."""
    _check_spec(request)
    if not request.metadata_field:
        raise InvalidArgumentError(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != "signature_def":
            raise InvalidArgumentError(f"Metadata field {field} is not supported")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    with catalog.acquire(request.model_spec) as (version, model):
        for name, signature in model.signature_def.items():
            signatures.signature_def[name].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    _fill_spec(response, request, version)
    response.metadata["signature_def"].Pack(signatures)
    return response


def status(catalog: Catalog, request: Any) -> Any:
    """The GetModelStatusResponse to a GetModelStatusRequest."""
    _check_spec(request)
    response = get_model_status_pb2.GetModelStatusResponse()
    for version, state in catalog.states(request.model_spec).items():
        added = response.model_version_status.add(version=version, state=state.state)
        added.status.error_code = state.error_code
        added.status.error_message = state.error_message
    return response


async def reload(catalog: Catalog, request: Any, root: Path | None) -> Any:
    """The ReloadConfigResponse to a ReloadConfigRequest, once its models are in service.

    Args:
        catalog: the models.
        request: the ReloadConfigRequest.
        root: the folder that the models must lie in; None where no client may name models.
    """
    if request.config.WhichOneof("config") != "model_config_list":
        raise InvalidArgumentError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    if root is None:
        raise FailedPreconditionError(
            "Clients may not change which models this server has. Start it with --allow-reload and "
            "--models, or change its --model-config-file and start it again."
        )
    try:
        configs = model_config.models(request.config.model_config_list.config, root)
        for config in configs:
            # Whoever reaches the port must not make the server read the rest of the disk.
            if not _lies_in(config.folder, root):
                raise InvalidArgumentError(
                    f"The base_path of model {config.name} must lie in {root}. Received: "
                    f"{config.folder}."
                )
        await asyncio.to_thread(catalog.configure, configs)
    except StatusError:
        raise
    except ServingError as error:  # models that cannot be served
        raise InvalidArgumentError(str(error)) from error
    return model_management_pb2.ReloadConfigResponse()


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise InvalidArgumentError("Missing ModelSpec")


def _fill_spec(response: Any, request: Any, version: int) -> None:
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version


def _lies_in(path: Path, root: Path) -> bool:
    try:
        path.is_dir()  # raises what reading the folder would raise
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False
