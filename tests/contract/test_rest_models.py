"""REST status and metadata: the JSON forms. Sources are files of github.com/tensorflow/serving."""

from typing import Any

from tests.contract.target import BadRequest, Rest

NO_VERSION = 2**62


def test_status_of_the_version_that_answers(rest: Rest, version: int) -> None:
    """http_rest_api_handler_test.cc, GetStatus: int64 as a string, the state by name, the empty
    message written."""
    response = rest.get(f"/versions/{version}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "model_version_status": [
            {
                "version": str(version),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


def test_status_of_all_versions(rest: Rest, version: int) -> None:
    """get_model_status_impl.cc: newest first; get_model_status.proto has the states."""
    listed = rest.get().json()["model_version_status"]
    versions = [int(one["version"]) for one in listed]
    assert version in versions
    assert versions == sorted(versions, reverse=True)
    states = {"UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END"}
    assert {one["state"] for one in listed} <= states


def test_status_takes_no_notice_of_labels(rest: Rest) -> None:
    """get_model_status_impl.cc, GetModelStatusWithModelSpec: only has_version() is asked."""
    response = rest.get("/labels/no-such-label")
    assert response.status_code == 200
    assert response.json() == rest.get().json()


def test_status_of_the_unknown_is_not_found(rest: Rest, bad_request: BadRequest) -> None:
    """get_model_status_impl.cc, GetModelStatusWithModelSpec."""
    response = rest.send("GET", "/v1/models/no-such-model")
    bad_request(response, "Could not find any versions of model no-such-model", status=404)
    text = f"Could not find version {NO_VERSION} of model {rest.model}"
    bad_request(rest.get(f"/versions/{NO_VERSION}"), text, status=404)


def test_metadata_form(rest: Rest, version: int) -> None:
    """http_rest_api_util.cc, ToJsonString(GetModelMetadataResponse); testdata/
    saved_model_half_plus_two_2_versions_metadata.json."""
    response = rest.get("/metadata")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"model_spec", "metadata"}
    assert answer["model_spec"] == {
        "name": rest.model,
        "signature_name": "",
        "version": str(version),
    }
    assert list(answer["metadata"]) == ["signature_def"]
    assert list(answer["metadata"]["signature_def"]) == ["signature_def"]


def test_metadata_of_the_signature(rest: Rest, signature: Any) -> None:
    """As above: the proto's own names, enums by name, sizes as strings, defaults written."""
    sent = rest.get("/metadata").json()["metadata"]["signature_def"]["signature_def"]
    described = sent["serving_default"]
    # Versions whose TensorFlow has SignatureDef.defaults write them, too.
    assert set(described) - {"defaults"} == {"inputs", "outputs", "method_name"}
    assert described["method_name"] == "tensorflow/serving/predict"
    assert described["inputs"]["image"] == {
        "dtype": "DT_STRING",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
        "name": signature.inputs["image"].name,
    }
    outputs = described["outputs"]
    assert {name: info["dtype"] for name, info in outputs.items()} == {
        "scores": "DT_FLOAT",
        "labels": "DT_STRING",
        "label": "DT_STRING",
    }


def test_metadata_of_a_version(rest: Rest, version: int) -> None:
    """http_rest_api_util.cc, kModelStatusApiRegex."""
    assert rest.get(f"/versions/{version}/metadata").json() == rest.get("/metadata").json()


def test_metadata_of_the_unknown(rest: Rest, bad_request: BadRequest) -> None:
    """basic_manager.cc, GetUntypedServableHandle; server_core.cc, GetModelVersionForLabel."""
    response = rest.send("GET", "/v1/models/no-such-model/metadata")
    bad_request(response, r"Servable not found for request: Latest\(no-such-model\)", status=404)
    text = r"Servable not found for request: Specific\("
    bad_request(rest.get(f"/versions/{NO_VERSION}/metadata"), text, status=404)
    text = "Unrecognized servable version label: no-such-label"
    bad_request(rest.get("/labels/no-such-label/metadata"), text)
