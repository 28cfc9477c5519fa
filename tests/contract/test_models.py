"""gRPC GetModelMetadata and GetModelStatus. Sources are files of github.com/tensorflow/serving."""

from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
)

from tests.contract import requests_grpc
from tests.contract.target import TIMEOUT_S, Refusal, Target

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
NO_VERSION = 2**62
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def test_metadata_names_model_and_version_only(
    metadata: Any, target: Target, signature: Any
) -> None:
    """get_model_metadata_impl.cc, SavedModelGetSignatureDef."""
    spec = metadata.model_spec
    assert spec.name == target.model
    assert spec.WhichOneof("version_choice") == "version"
    assert spec.signature_name == ""
    assert list(metadata.metadata) == ["signature_def"]


def test_metadata_holds_signatures_of_the_saved_model(metadata: Any, signature: Any) -> None:
    """get_model_metadata_impl.cc, SavedModelGetSignatureDef: packed SignatureDefMap."""
    packed = metadata.metadata["signature_def"]
    assert packed.Is(get_model_metadata_pb2.SignatureDefMap.DESCRIPTOR)
    assert signature.method_name == "tensorflow/serving/predict"
    assert all(info.name for info in (*signature.inputs.values(), *signature.outputs.values()))


def test_metadata_of_a_version(
    prediction_service: Any, target: Target, version: int, metadata: Any
) -> None:
    """server_core.cc, ServableRequestFromModelSpec."""
    request = requests_grpc.metadata(target.model, "signature_def", version=version)
    answer = prediction_service.GetModelMetadata(request, timeout=TIMEOUT_S)
    assert answer.model_spec == metadata.model_spec


def test_metadata_by_label_is_that_of_its_version(
    prediction_service: Any, target: Target, label: str
) -> None:
    """server_core.cc, GetModelVersionForLabel."""
    request = requests_grpc.metadata(target.model, "signature_def", version_label=label)
    answer = prediction_service.GetModelMetadata(request, timeout=TIMEOUT_S)
    assert answer.model_spec.WhichOneof("version_choice") == "version"


@pytest.mark.parametrize(
    ("request_", "code", "pattern"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), INVALID, "^Missing ModelSpec"),
        (
            requests_grpc.metadata("no-such-model"),
            INVALID,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            requests_grpc.metadata("no-such-model", "signature_def", "weights"),
            INVALID,
            "Metadata field weights is not supported",
        ),
        (
            requests_grpc.metadata("no-such-model", "signature_def"),
            NOT_FOUND,
            r"Servable not found for request: Latest\(no-such-model\)",
        ),
        (
            requests_grpc.metadata("", "signature_def", signature_name="serving_default"),
            INVALID,
            "ModelSpec has no name specified",
        ),
    ],
    ids=["no spec", "no field", "unknown field", "unknown model", "no name"],
)
def test_metadata_refused(
    prediction_service: Any, refusal: Refusal, request_: Any, code: grpc.StatusCode, pattern: str
) -> None:
    """get_model_metadata_impl.cc: GetModelMetadata, then ValidateGetModelMetadataRequest, and only
    then the model is looked up."""
    refusal(prediction_service.GetModelMetadata, request_, code, pattern)


def test_metadata_of_an_unknown_version_or_label(
    prediction_service: Any, target: Target, signature: Any, refusal: Refusal
) -> None:
    """basic_manager.cc, GetUntypedServableHandle; server_core.cc, GetModelVersionForLabel."""
    ask = prediction_service.GetModelMetadata
    numbered = requests_grpc.metadata(target.model, "signature_def", version=NO_VERSION)
    refusal(ask, numbered, NOT_FOUND, r"Servable not found for request: Specific\(")
    labelled = requests_grpc.metadata(target.model, "signature_def", version_label="no-such-label")
    refusal(ask, labelled, INVALID, "Unrecognized servable version label: no-such-label")


@pytest.fixture
def statuses(model_service: Any, target: Target, signature: Any) -> Any:
    def ask(**spec: Any) -> list[Any]:
        request = requests_grpc.status(target.model, **spec)
        return list(model_service.GetModelStatus(request, timeout=TIMEOUT_S).model_version_status)

    return ask


def test_status_lists_versions_from_the_newest(statuses: Any, version: int) -> None:
    """servable_state_monitor.h, VersionMap: std::map with std::greater."""
    versions = [one.version for one in statuses()]
    assert version in versions
    assert versions == sorted(versions, reverse=True)


def test_version_that_answers_is_available(statuses: Any, version: int) -> None:
    """get_model_status_impl.cc, AddModelVersionStatusToResponse."""
    (one,) = statuses(version=version)
    assert one.version == version
    assert one.state == AVAILABLE
    assert one.status.error_code == 0
    assert one.status.error_message == ""


def test_status_takes_no_notice_of_labels(statuses: Any) -> None:
    """get_model_status_impl.cc, GetModelStatusWithModelSpec: only has_version() is asked."""
    assert statuses(version_label="no-such-label") == statuses()


@pytest.mark.parametrize(
    ("request_", "code", "pattern"),
    [
        (get_model_status_pb2.GetModelStatusRequest(), INVALID, "^Missing ModelSpec"),
        (
            requests_grpc.status("no-such-model"),
            NOT_FOUND,
            "Could not find any versions of model no-such-model",
        ),
        (
            requests_grpc.status("no-such-model", version=7),
            NOT_FOUND,
            "Could not find version 7 of model no-such-model",
        ),
        (
            requests_grpc.status("", signature_name="serving_default"),
            NOT_FOUND,
            "Could not find any versions of model",
        ),
    ],
    ids=["no spec", "unknown model", "version of an unknown model", "no name"],
)
def test_status_refused(
    model_service: Any, refusal: Refusal, request_: Any, code: grpc.StatusCode, pattern: str
) -> None:
    """get_model_status_impl.cc, GetModelStatus and GetModelStatusWithModelSpec."""
    refusal(model_service.GetModelStatus, request_, code, pattern)


def test_status_of_an_unknown_version(
    model_service: Any, target: Target, signature: Any, refusal: Refusal
) -> None:
    """get_model_status_impl.cc, GetModelStatusWithModelSpec."""
    request = requests_grpc.status(target.model, version=NO_VERSION)
    text = f"Could not find version {NO_VERSION} of model {target.model}"
    refusal(model_service.GetModelStatus, request, NOT_FOUND, text)
