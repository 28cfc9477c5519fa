"""Bytes on the wire are messages of TensorFlow Serving."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.serving import payloads
from serving.client import messages


@settings(max_examples=50)
@given(st.text(max_size=20), st.lists(st.binary(max_size=50), max_size=4))
def test_predict_asks_the_model_for_all_pictures(model, pictures):
    request = messages.PredictRequest.FromString(payloads.predict(model, pictures))
    assert (request.model_spec.name, request.model_spec.signature_name) == (
        model,
        "serving_default",
    )
    assert list(request.output_filter) == ["scores", "labels"]
    [(name, tensor)] = request.inputs.items()
    assert name == "image"
    assert tensor.dtype == 7  # DT_STRING of tensorflow/core/framework/types.proto
    assert [dim.size for dim in tensor.tensor_shape.dim] == [len(pictures)]
    assert list(tensor.string_val) == pictures


def test_metadata_and_status_ask_for_the_model():
    metadata = messages.GetModelMetadataRequest.FromString(payloads.metadata("m"))
    assert metadata.model_spec.name == "m"
    assert list(metadata.metadata_field) == ["signature_def"]
    status = messages.GetModelStatusRequest.FromString(payloads.status("m"))
    assert status.model_spec.name == "m"


def test_version_is_the_one_of_the_reply():
    reply = messages.PredictResponse()
    reply.model_spec.version.value = 2**40
    assert payloads.version_of(reply.SerializeToString()) == 2**40


def test_rest_has_the_pictures_in_base64():
    content = json.loads(payloads.predict_json([b"\xff\xd8", b""]))
    assert [base64.b64decode(row["b64"]) for row in content["instances"]] == [b"\xff\xd8", b""]
    assert payloads.predict_path("m") == "/v1/models/m:predict"


@pytest.mark.parametrize("model", ["tiny", "x" * 300, "é"])
def test_reload_is_for_one_model_of_tensorflow(model):
    # Unlike those of tensorflow_serving.apis, this one is there without TensorFlow.
    from tensorflow_serving.config import model_server_config_pb2

    expected = model_server_config_pb2.ModelServerConfig()
    expected.model_config_list.config.add(
        name=model, base_path="/models/tiny", model_platform="tensorflow"
    )
    data = payloads.reload_config(model, "/models/tiny")
    # config = 1 of ReloadConfigRequest.
    assert data == payloads.field(1, expected.SerializeToString())


@given(st.integers(1, 2**28), st.binary(max_size=400))
def test_fields_are_those_of_protocol_buffers(number, value):
    from google.protobuf.internal import decoder

    data = payloads.field(number, value)
    tag, place = decoder._DecodeVarint(data, 0)
    size, place = decoder._DecodeVarint(data, place)
    assert (tag >> 3, tag & 7, size) == (number, 2, len(value))
    assert data[place:] == value
