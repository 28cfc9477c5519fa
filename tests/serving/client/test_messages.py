"""The client's schema against the real one, in one process with it."""

from typing import Any

import pytest
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    status_pb2,
)

from serving.client import messages

REAL = {
    "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "TensorProto": tensor_pb2.TensorProto,
    "TensorInfo": meta_graph_pb2.TensorInfo,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "StatusProto": status_pb2.StatusProto,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
}


def kind(field: Any) -> str:
    """The field's type in the notation of `messages.MESSAGES`."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        assert kind(key) == "string"
        return f"map {kind(value)}"
    if field.message_type is not None:
        name = field.message_type.full_name
        name = name if name.startswith("google.protobuf.") else field.message_type.name
    elif field.enum_type is not None:
        name = field.enum_type.name
    else:
        name = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string"}.get(
            field.type, "bytes" if field.type == field.TYPE_BYTES else str(field.type)
        )
    return f"repeated {name}" if field.label == field.LABEL_REPEATED else name


@pytest.mark.parametrize("name", sorted(messages.MESSAGES))
def test_fields_have_the_real_numbers_and_types(name: str) -> None:
    real = REAL[name].DESCRIPTOR.fields_by_name
    expected = {field: (real[field].number, kind(real[field])) for field in messages.MESSAGES[name]}
    if name == "StatusProto":
        assert expected["error_code"] == (1, "Code")  # an enum, on the wire an int32
        expected["error_code"] = (1, "int32")
    assert messages.MESSAGES[name] == expected


def test_enums_have_the_real_numbers() -> None:
    states = get_model_status_pb2.ModelVersionStatus.State
    assert messages.ENUMS["State"] == dict(states.items())
    for name, number in messages.ENUMS["DataType"].items():
        assert types_pb2.DataType.Value(name) == number


def test_request_is_the_same_bytes_as_the_real_one() -> None:
    ours = messages.PredictRequest()
    real = predict_pb2.PredictRequest()
    for request in (ours, real):
        request.model_spec.name = "digits"
        request.model_spec.version.value = 3
        request.inputs["image"].dtype = 7
        request.inputs["image"].tensor_shape.dim.add(size=2)
        request.inputs["image"].string_val.extend([b"one", b"two"])
        request.inputs["image"].float_val.extend([1.5, -2.0])
        request.output_filter.append("scores")
    assert ours.SerializeToString(deterministic=True) == real.SerializeToString(deterministic=True)
    assert messages.PredictRequest.FromString(real.SerializeToString()) == ours


def test_signatures_packed_by_a_real_server_are_read() -> None:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["image"].dtype = 7
    real = get_model_metadata_pb2.GetModelMetadataResponse()
    real.metadata["signature_def"].Pack(signatures)
    ours = messages.GetModelMetadataResponse.FromString(real.SerializeToString())
    read = messages.SignatureDefMap.FromString(ours.metadata["signature_def"].value)
    assert read.signature_def["serving_default"].inputs["image"].dtype == 7
