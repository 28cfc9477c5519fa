"""REST :predict, refused: codes and texts. Sources are files of github.com/tensorflow/serving.

Texts are matched by the part that is the same in TensorFlow Serving 2.8 to 2.20: how much of the
request is quoted, and how a status inside a text is written, have changed.
"""

import json
from typing import Any

import pytest

from tests.contract.target import BadRequest, Rest, b64

NO_VERSION = 2**62


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", r"JSON Parse error: Invalid value.*at offset: 0"),
        (b'{"instances": [1, 2}', "JSON Parse error: .*at offset: "),
        (b'{"instances": ', "JSON Parse error: .*at offset: "),
        (b"\x89PNG\r\n\x1a\n", "JSON Parse error: "),
        (b"[]", r"JSON Value: \[\] Is not object"),
        (b'"instances"', "Is not object"),
        (b"null", "Is not object"),
    ],
)
def test_body_that_is_no_json_object(
    rest: Rest, bad_request: BadRequest, body: bytes, pattern: str
) -> None:
    """json_tensor.cc, ParseJson; http_rest_api_handler_test.cc, PredictRequestErrors."""
    bad_request(rest.predict(body), pattern)


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"Instances": []}, "Missing 'inputs' or 'instances' key"),
        (
            {"inputs": ["a"], "instances": ["a"]},
            "expecting only one of 'inputs' or 'instances' keys to exist",
        ),
        ({"instances": "a"}, "Expecting 'instances' to be an list/array"),
        ({"instances": {"image": ["a"]}}, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"signature_name": 100}, "'signature_name' key must be a string value"),
        (
            {"signature_name": None, "instances": ["a"]},
            "'signature_name' key must be a string value",
        ),
        (
            {"signature_name": "no-such-signature", "instances": ["a"]},
            'Serving signature name: "no-such-signature" not found in signature def',
        ),
    ],
)
def test_keys_of_the_request(rest: Rest, bad_request: BadRequest, body: Any, pattern: str) -> None:
    """json_tensor.cc, FillPredictRequestFromJson and FillSignature; http_rest_api_handler.cc,
    GetInfoMap, whose text for an unknown signature is not gRPC's."""
    bad_request(rest.predict(body), pattern)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1, "Number"), (1.5, "Number"), (True, "True"), (False, "False"), (None, "Null")],
)
def test_value_of_another_type(rest: Rest, bad_request: BadRequest, value: Any, kind: str) -> None:
    """json_tensor.cc, TypeError and JsonTypeString."""
    complaint = f"Type: {kind} is not of expected type: string"
    bad_request(rest.predict({"inputs": [value]}), complaint)
    bad_request(
        rest.predict({"instances": [value]}),
        f"Failed to process element: 0 of 'instances' list. Error: .*{complaint}",
    )


@pytest.mark.parametrize(
    ("rows", "pattern"),
    [
        ([{}], "element: 0 of 'instances' list. JSON object: .* keys must be equal to: image"),
        (
            [{"picture": "a"}],
            "element: 0 key: picture of 'instances' list. Error: .*"
            "JSON object: does not have named input: picture",
        ),
        ([{"image": "a", "extra": "b"}], "JSON object: does not have named input: extra"),
        ([{"image": 1}], "element: 0 key: image of 'instances' list. Error: .*expected type"),
        ([{"b64": 1}], "does not have named input: b64"),
        ([{"b64": "YQ==", "more": "a"}], "does not have named input: (b64|more)"),
        ([{"image": "a"}, "b"], "Expecting object but got list at item 1 of input list"),
        (["a", {"image": "b"}], "Expecting value/list but got object at item 1 of input list"),
        (["a", 1], "Failed to process element: 1 of 'instances' list"),
        ([{"b64": "!"}], "Failed to process element: 0 of .*Unable to base64 decode"),
    ],
)
def test_rows(rest: Rest, bad_request: BadRequest, rows: Any, pattern: str) -> None:
    """json_tensor.cc, FillTensorMapFromInstancesList, AddInstanceItem, IsValBase64Object."""
    bad_request(rest.predict({"instances": rows}), f"(?s){pattern}")


@pytest.mark.parametrize(
    ("columns", "pattern"),
    [
        ({}, "Missing named input: image in 'inputs' object"),
        ({"picture": ["a"]}, "Missing named input: image in 'inputs' object"),
        ([{"b64": "!"}], "Unable to base64 decode"),
        ([{"b64": "_-_-"}], "Unable to base64 decode"),
        ([{"b64": 1}], "not formatted correctly for base64 data"),
        ([{"image": "a"}], "not formatted correctly for base64 data"),
    ],
)
def test_columns(rest: Rest, bad_request: BadRequest, columns: Any, pattern: str) -> None:
    """json_tensor.cc, FillTensorMapFromInputsMap, JsonDecodeBase64Object; the alphabet is that of
    absl::Base64Unescape, without `-` and `_`."""
    bad_request(rest.predict({"inputs": columns}), pattern)


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (["a", ["b"]], "Encountered list at unexpected level: 1 expected < 1"),
        ([["a"], "b"], "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        (
            [["a"], ["b", "c"]],
            "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
    ],
)
def test_columns_of_uneven_levels(
    rest: Rest, bad_request: BadRequest, values: Any, pattern: str
) -> None:
    """json_tensor.cc, FillTensorProto."""
    bad_request(rest.predict({"inputs": values}), pattern)
    bad_request(rest.predict({"inputs": {"image": values}}), pattern)


@pytest.mark.parametrize(
    ("rows", "pattern"),
    [
        ([["a"], "b"], r"Expecting shape \[1\] but got: \[\]"),
        ([["a"], ["b", "c"]], "Expecting tensor size: 1 but got: 2"),
    ],
)
def test_rows_of_uneven_levels(
    rest: Rest, bad_request: BadRequest, rows: Any, pattern: str
) -> None:
    """json_tensor.cc, AddInstanceItem."""
    text = f"Failed to process element: 1 of 'instances' list. Error: .*{pattern}"
    bad_request(rest.predict({"instances": rows}), text)


@pytest.mark.parametrize(
    "body", [{"inputs": "a"}, {"inputs": {"b64": "YQ=="}}, {"instances": [["a"]]}]
)
def test_value_of_another_rank(rest: Rest, bad_request: BadRequest, body: Any) -> None:
    """json_tensor.cc builds the tensor; it is the model that refuses a scalar or a matrix."""
    bad_request(rest.predict(body))


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_plain_strings_reach_the_model_which_knows_no_such_picture(
    rest: Rest, bad_request: BadRequest, picture: bytes, key: str
) -> None:
    """json_tensor.cc, AddValueToTensor takes strings as they are; TensorFlow's
    kernels/decode_image_op.cc gives INVALID_ARGUMENT, and the next request is answered."""
    text = bad_request(rest.predict({key: ["not a picture"]}))
    assert "is not of expected type" not in text
    assert rest.predict({key: [b64(picture)]}).status_code == 200


def test_bad_picture_among_good_ones(rest: Rest, bad_request: BadRequest, picture: bytes) -> None:
    """As above, in a batch."""
    bad_request(rest.predict({"instances": [b64(picture), b64(b"no picture"), b64(picture)]}))
    assert rest.predict({"instances": [b64(picture)] * 2}).status_code == 200


def test_deep_nesting_is_refused(rest: Rest, bad_request: BadRequest) -> None:
    """json_tensor.cc, ParseJson and FillTensorProto. Much deeper would end a server before 2.18,
    whose parser is recursive: this suite must not."""
    bad_request(rest.predict(b'{"instances": ' + b"[" * 1000), "JSON Parse error")
    bad_request(rest.predict(b'{"instances": ' + b"[" * 100 + b"1" + b"]" * 100 + b"}"))


def test_text_quotes_little_of_a_large_request(rest: Rest, bad_request: BadRequest) -> None:
    """json_tensor.cc, JsonWriterWithLimit and kMaxJsonDebugStringBytes: no further value is written
    after 256 bytes."""
    response = rest.predict({"instances": {"image": ["x"] * 100_000}})
    text = bad_request(response, "^JSON Value: ")
    if len(text) > 100_000:
        pytest.skip("TensorFlow Serving before 2.18 quotes the whole request")
    assert len(text) < 1000


def test_unknown_model_is_not_found(rest: Rest, bad_request: BadRequest) -> None:
    """basic_manager.cc, GetUntypedServableHandle; http_server.cc, ToHTTPStatusCode."""
    body = json.dumps({"instances": ["a"]}).encode()
    response = rest.send("POST", "/v1/models/no-such-model:predict", body)
    bad_request(response, r"Servable not found for request: Latest\(no-such-model\)", status=404)


def test_unknown_version_is_not_found(rest: Rest, bad_request: BadRequest) -> None:
    """basic_manager.cc, GetUntypedServableHandle; http_server.cc, ToHTTPStatusCode."""
    response = rest.predict({"instances": ["a"]}, f"/versions/{NO_VERSION}")
    text = bad_request(response, "Servable not found for request: ", status=404)
    assert f"Specific({rest.model}, {NO_VERSION})" in text


def test_unknown_label(rest: Rest, bad_request: BadRequest) -> None:
    """server_core.cc, GetModelVersionForLabel: INVALID_ARGUMENT, not NOT_FOUND."""
    response = rest.predict({"instances": ["a"]}, "/labels/no-such-label")
    bad_request(response, "Unrecognized servable version label: no-such-label")


def test_json_is_read_before_the_model_is_looked_up(rest: Rest, bad_request: BadRequest) -> None:
    """json_tensor.cc, FillPredictRequestFromJson: ParseJson comes first."""
    response = rest.send("POST", "/v1/models/no-such-model:predict", b"{")
    bad_request(response, "JSON Parse error")


@pytest.mark.parametrize("method", ["classify", "regress"])
@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        (
            b'{"examples": [{"image": "a"}]}',
            "Expected one (or two output Tensors, found 3|output Tensor)|method_name to be",
        ),
        (b"{}", "key 'examples' is expected and was not found"),
    ],
)
def test_classify_and_regress_refuse_a_signature_for_predict(
    rest: Rest, bad_request: BadRequest, method: str, body: bytes, pattern: str
) -> None:
    """json_tensor.cc, FillClassifyRegressRequestFromJson, one text for both; classifier.cc,
    PreProcessClassification; regressor.cc, PreProcessRegression. A server without regress is free
    to say so: UNIMPLEMENTED is 501."""
    response = rest.send("POST", f"/v1/models/{rest.model}:{method}", body)
    if method == "regress" and response.status_code == 501:
        bad_request(response, method, status=501)
    else:
        bad_request(response, pattern)
