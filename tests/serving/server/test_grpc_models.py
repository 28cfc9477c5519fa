"""What the gRPC port tells of the models, and how they are changed through it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.client import PredictionClient, codec
from serving.server import ModelServer
from serving.server.options import Options
from tests.serving.server.grpc_calls import refusal, request_for

Push = Callable[[Path, int], Path]
Encode = Callable[..., bytes]


def test_metadata_holds_the_signatures(stub: Any, server: ModelServer, saved_model: Path) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "colours"
    response = stub.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    saved = tf.compat.v1.saved_model.load(
        tf.compat.v1.Session(graph=tf.Graph()), ["serve"], str(saved_model)
    )
    assert dict(signatures.signature_def) == dict(saved.signature_def)

    with PredictionClient(server.address, "colours") as client:
        metadata = client.metadata()
    assert metadata.model_version == 20
    signature = metadata.signatures["serving_default"]
    assert signature.inputs == {"image": codec.TensorSpec("string", (None,))}
    assert signature.outputs["scores"] == codec.TensorSpec("float", (None, 3))


def test_status_names_the_version_in_service(server: ModelServer) -> None:
    with PredictionClient(server.address, "colours") as client:
        assert client.status() == [codec.VersionStatus(20, "AVAILABLE", "")]


def test_metadata_request_is_checked(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "colours"
    assert refusal(stub.GetModelMetadata, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
    )
    request.metadata_field.append("weights")
    assert refusal(stub.GetModelMetadata, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Metadata field weights is not supported",
    )


def test_status_of_unknown_model_or_version_is_not_found(channel: grpc.Channel) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "colours"
    request.model_spec.version.value = 4
    assert refusal(stub.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find version 4 of model colours",
    )
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "other"
    assert refusal(stub.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find any versions of model other",
    )


def test_methods_left_to_tensorflow_serving_say_so(stub: Any) -> None:
    code, text = refusal(stub.MultiInference, inference_pb2.MultiInferenceRequest())
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "run TensorFlow Serving" in text


def test_classify_on_a_predict_signature_is_refused_in_tensorflow_servings_words(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "colours"
    assert refusal(stub.Classify, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Expected one or two output Tensors, found 3. Set signature_name to classify.",
    )
    request.model_spec.signature_name = "other"
    assert refusal(stub.Classify, request)[1] == "No signature was found with the name: other"


def test_reload_serves_other_models_and_refuses_folders_elsewhere(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    for name in ("colours", "others"):
        push(tmp_path / name, 1)
    push(tmp_path / "others", 2)

    def request(name: str, base_path: Path, **labels: int) -> Any:
        message = model_management_pb2.ReloadConfigRequest()
        config = message.config.model_config_list.config.add(name=name, base_path=str(base_path))
        config.model_platform = "tensorflow"
        config.model_version_policy.all.SetInParent()
        config.version_labels.update(labels)
        return message

    with (
        ModelServer(tmp_path, "colours", port=0, options=Options(allow_reload=True)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        manage = model_service_pb2_grpc.ModelServiceStub(channel)
        for nowhere in ("/etc", "\0", "x" * 300, "/" + "x" * 5000):
            code, text = refusal(manage.HandleReloadConfigRequest, request("others", Path(nowhere)))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "must lie in" in text
        unready = request("others", tmp_path / "others", stable=7)
        code, text = refusal(manage.HandleReloadConfigRequest, unready)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "version 7 of model others, which is not currently available" in text
        assert server.versions == {"colours": 1}
        code, _ = refusal(
            manage.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()
        )
        assert code is grpc.StatusCode.INVALID_ARGUMENT

        manage.HandleReloadConfigRequest(
            request("others", tmp_path / "others", stable=1), timeout=20
        )

        assert server.versions == {"others": 2}
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        labelled = request_for(encode("red"), name="others")
        assert predictions.Predict(labelled, timeout=10).model_spec.version.value == 2
        labelled.model_spec.version_label = "stable"
        assert predictions.Predict(labelled, timeout=10).model_spec.version.value == 1
        labelled.model_spec.version_label = "canary"
        code, text = refusal(predictions.Predict, labelled)
        assert (code, text) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: canary",
        )


def test_clients_change_no_models_unless_that_is_allowed(
    channel: grpc.Channel, server: ModelServer
) -> None:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()  # no models at all
    manage = model_service_pb2_grpc.ModelServiceStub(channel)
    code, text = refusal(manage.HandleReloadConfigRequest, request)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "--allow-reload" in text
    assert server.versions == {"colours": 20}


def test_health_and_reflection_answer(channel: grpc.Channel) -> None:
    check = health_pb2_grpc.HealthStub(channel).Check
    for service in ("", "tensorflow.serving.PredictionService", "ModelService"):
        answer = check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    code, _ = refusal(check, health_pb2.HealthCheckRequest(service="unknown"))
    assert code is grpc.StatusCode.NOT_FOUND
    listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10
    )
    names = {service.name for service in next(listing).list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "grpc.health.v1.Health"} <= names
