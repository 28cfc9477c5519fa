"""The server under test: the one at SERVING_ADDRESS, or an embedded one with a tiny model."""

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from PIL import Image

from tests import serving_models
from tests.contract.target import TIMEOUT_S, BadRequest, Refusal, Rest, Target

_READY_S = 10.0


def _picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    generated = _picture((230, 120, 40))
    if os.environ.get("SERVING_ADDRESS"):
        try:
            found = Target.from_environment(os.environ, generated)
        except OSError as error:
            pytest.exit(
                f"Cannot read {error.filename}: {error.strerror}. Correct SERVING_PICTURE or "
                f"SERVING_CA.",
                returncode=2,
            )
        yield found
        return
    from serving.server import ModelServer
    from serving.server.model_config import ModelConfig, VersionPolicy

    folder = tmp_path_factory.mktemp("models") / "colours"
    saved_model = serving_models.save_mean_colour(tmp_path_factory.mktemp("contract_model"))
    for version in (3, 20):
        serving_models.push(saved_model, folder, version)
    config = ModelConfig("colours", folder, VersionPolicy(latest=None), {"stable": 3})
    with ModelServer([config], port=0, rest_port=0) as server:
        rest_url = f"http://{server.rest_address}"
        yield Target(server.address, rest_url, "colours", generated, label="stable")


@pytest.fixture(scope="session")
def channel(target: Target) -> Iterator[grpc.Channel]:
    with target.channel() as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_READY_S)
        except grpc.FutureTimeoutError:
            pytest.exit(
                f"No gRPC server answers at {target.address} within {_READY_S:g} s. Start it, or "
                f"correct SERVING_ADDRESS and SERVING_CA.",
                returncode=2,
            )
        yield channel


@pytest.fixture(scope="session")
def prediction_service(channel: grpc.Channel) -> Any:
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def model_service(channel: grpc.Channel) -> Any:
    from tensorflow_serving.apis import model_service_pb2_grpc

    return model_service_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture(scope="session")
def metadata(target: Target, prediction_service: Any) -> Any:
    """The server's GetModelMetadataResponse, by which the tests know version and signature."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = target.model
    try:
        return prediction_service.GetModelMetadata(request, timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        pytest.exit(
            f"{target.address} does not describe the model {target.model!r}: {error.details()}. "
            f"Name a model that it serves in SERVING_MODEL.",
            returncode=2,
        )


@pytest.fixture(scope="session")
def signature(target: Target, metadata: Any) -> Any:
    """The default signature, which must be the one of this project's exports."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    signatures = get_model_metadata_pb2.SignatureDefMap()
    metadata.metadata["signature_def"].Unpack(signatures)
    found = signatures.signature_def["serving_default"]
    if list(found.inputs) != ["image"] or set(found.outputs) != {"scores", "labels", "label"}:
        pytest.exit(
            f"The model {target.model!r} takes {sorted(found.inputs)} and gives "
            f"{sorted(found.outputs)}: not a model exported by bitpipe. Name one in SERVING_MODEL.",
            returncode=2,
        )
    return found


@pytest.fixture(scope="session")
def version(metadata: Any) -> int:
    """The version that answers when none is asked for."""
    return int(metadata.model_spec.version.value)


@pytest.fixture(scope="session")
def available(target: Target, signature: Any, model_service: Any) -> list[int]:
    """All versions that can be asked for."""
    from tensorflow_serving.apis import get_model_status_pb2

    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = target.model
    answer = model_service.GetModelStatus(request, timeout=TIMEOUT_S)
    state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    return [one.version for one in answer.model_version_status if one.state == state]


@pytest.fixture
def label(target: Target, signature: Any) -> str:
    if target.label is None:
        pytest.skip("SERVING_LABEL is not set, and TensorFlow Serving cannot list its labels")
    return target.label


@pytest.fixture(scope="session")
def rest(target: Target, signature: Any) -> Iterator[Rest]:
    if not target.rest_url:
        pytest.skip("SERVING_REST_ADDRESS is empty")
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the machine's
        session.verify = str(target.ca) if target.ca else True
        try:
            session.get(target.rest_url, timeout=TIMEOUT_S)
        except requests.ConnectionError:
            pytest.exit(
                f"No REST server answers at {target.rest_url}. Correct SERVING_REST_ADDRESS (https "
                f"and SERVING_CA for TLS), or set it to nothing to leave REST out.",
                returncode=2,
            )
        yield Rest(target.rest_url, target.model, session)


@pytest.fixture
def picture(target: Target, signature: Any) -> bytes:
    return target.picture


@pytest.fixture
def other_picture(picture: bytes) -> bytes:
    return _picture((20, 60, 200))


@pytest.fixture(scope="session")
def large_picture() -> bytes:
    """A PNG of more than 4 MiB, which is gRPC's own limit for a received message: noise."""
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG", compress_level=1)
    assert buffer.tell() > 4 * 2**20
    return buffer.getvalue()


@pytest.fixture(scope="session")
def refusal() -> Refusal:
    """Calls a method that must fail with a code and a text; returns the text."""

    def call(method: Any, request: Any, code: grpc.StatusCode, pattern: str = "") -> str:
        with pytest.raises(grpc.RpcError) as caught:
            method(request, timeout=TIMEOUT_S)
        details = str(caught.value.details())
        assert caught.value.code() is code, details
        assert re.search(pattern, details), details
        return details

    return call


@pytest.fixture(scope="session")
def bad_request() -> BadRequest:
    """Checks an error reply of REST, by default 400; returns its text."""

    def check(response: requests.Response, pattern: str = "", status: int = 400) -> str:
        assert response.status_code == status, response.text
        # http_rest_api_util.cc, AddHeaders: errors carry it, too.
        assert response.headers["Content-Type"] == "application/json"
        # json_tensor.cc, MakeJsonFromStatus: this key and no other.
        assert list(response.json()) == ["error"]
        text = str(response.json()["error"])
        assert re.search(pattern, text), text
        return text

    return check
