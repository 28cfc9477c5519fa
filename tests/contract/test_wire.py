"""What no stub would send, and the methods that this signature does not support."""

import re
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from tests.contract import requests_grpc
from tests.contract.target import TIMEOUT_S, Refusal, Target

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x0a\x7fshort", id="model_spec of 127 bytes, of which 5 come"),
        pytest.param(b"\xff" * 64, id="a tag that never ends"),
        pytest.param(b"\x0a\x02\x0a\x05", id="a name of 5 bytes, of which none comes"),
    ],
)
def test_malformed_message_gets_an_error(
    channel: grpc.Channel, signature: Any, message: bytes
) -> None:
    """grpc/doc/statuscodes.md: INTERNAL, by the library of the server."""
    raw = channel.unary_unary(PREDICT)
    with pytest.raises(grpc.RpcError) as caught:
        raw(message, timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.INTERNAL


def test_unknown_fields_are_ignored(channel: grpc.Channel, target: Target, picture: bytes) -> None:
    """Protocol Buffers' rule, by which newer clients can ask older servers."""
    message = requests_grpc.predict(target.model, picture).SerializeToString()
    raw = channel.unary_unary(PREDICT)
    assert raw(message + b"\xfa\x7f\x03new", timeout=TIMEOUT_S)


def test_unknown_method_is_unimplemented(channel: grpc.Channel) -> None:
    """grpc/doc/statuscodes.md: method not found at server."""
    raw = channel.unary_unary("/tensorflow.serving.PredictionService/NoSuchMethod")
    with pytest.raises(grpc.RpcError) as caught:
        raw(b"", timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_classify_refuses_a_signature_for_predict(
    prediction_service: Any, target: Target, signature: Any, refusal: Refusal
) -> None:
    """classifier.cc, PreProcessClassification: three outputs are too many; with
    --enable_signature_method_name_check the signature's method is named instead."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = target.model
    request.input.example_list.examples.add()
    refusal(
        prediction_service.Classify,
        request,
        INVALID,
        "Expected one or two output Tensors, found 3|"
        "Expected classification signature method_name to be",
    )


def test_regress_refuses_a_signature_for_predict(
    prediction_service: Any, target: Target, signature: Any
) -> None:
    """regressor.cc, PreProcessRegression; a server without Regress is free to say so."""
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = target.model
    request.input.example_list.examples.add()
    call = prediction_service.Regress.future(request, timeout=TIMEOUT_S)
    assert call.code() in (INVALID, grpc.StatusCode.UNIMPLEMENTED)
    if call.code() is INVALID:
        texts = "Expected one output Tensor|Expected regression signature method_name to be"
        assert re.search(texts, call.details()), call.details()


def test_classify_looks_the_model_up_first(prediction_service: Any, refusal: Refusal) -> None:
    """classification_service.cc, ClassifyWithModelSpec."""
    request = classification_pb2.ClassificationRequest()
    refusal(prediction_service.Classify, request, INVALID, "Missing ModelSpec")
    request.model_spec.name = "no-such-model"
    text = "Servable not found for request: Latest"
    refusal(prediction_service.Classify, request, grpc.StatusCode.NOT_FOUND, text)


def test_classify_knows_no_other_signature(
    prediction_service: Any, target: Target, signature: Any, refusal: Refusal
) -> None:
    """classifier.cc, GetClassificationSignatureDef: not Predict's code, nor its words."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = target.model
    request.model_spec.signature_name = "no-such-signature"
    request.input.example_list.examples.add()
    text = "No signature was found with the name: no-such-signature"
    refusal(prediction_service.Classify, request, INVALID, text)


def test_multi_inference_is_refused(
    prediction_service: Any, target: Target, signature: Any
) -> None:
    """multi_inference.cc, Infer: a method for Predict is UNIMPLEMENTED there, and a server without
    MultiInference says the same."""
    request = inference_pb2.MultiInferenceRequest()
    task = request.tasks.add(method_name="tensorflow/serving/predict")
    task.model_spec.name = target.model
    with pytest.raises(grpc.RpcError) as caught:
        prediction_service.MultiInference(request, timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def health(channel: grpc.Channel, signature: Any) -> Any:
    """server.cc, BuildAndStart: only with --enable_grpc_healthcheck_service."""
    stub = health_pb2_grpc.HealthStub(channel)
    try:
        stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            pytest.skip("the server was started without --enable_grpc_healthcheck_service")
        raise
    return stub


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_services_are_healthy(health: Any, service: str) -> None:
    """server.cc, BuildAndStart: SetServingStatus under these names, without the package."""
    answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(health: Any, refusal: Refusal) -> None:
    """grpc/doc/health-checking.md."""
    request = health_pb2.HealthCheckRequest(service="no-such-service")
    refusal(health.Check, request, grpc.StatusCode.NOT_FOUND)
