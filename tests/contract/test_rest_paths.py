"""Which paths and methods REST knows. Sources are files of github.com/tensorflow/serving."""

import re

import pytest

from tests.contract.target import BadRequest, Rest


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("GET", "/v1/models/debug/model_name"),
        ("POST", "/v1/models"),
        ("GET", "/v1/models/foo:predict"),
        ("GET", "/v1/models/foo/version/50:predict"),
        ("POST", "/v1/models/foo/version/50:predict"),
        ("POST", "/v1/models/foo/versions/HELLO:predict"),
        ("POST", "/v1/models/foo/versions/-1:predict"),
        ("POST", "/v1/models/foo/versions/:predict"),
        ("POST", "/v1/models/foo/metadata"),
        ("POST", "/v1/models/foo/label/some_label:predict"),
        ("POST", "/v1/models/foo/versions/50/labels/some_label:predict"),
        ("POST", "/v1/models/foo"),
        ("POST", "/v1/models/foo:explain"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/foo:predict/"),
        ("GET", "/v1/models/foo/"),
        ("GET", "/v1/models/foo/metadata/more"),
        ("GET", "/v1/models/foo/versions/HELLO"),
    ],
)
def test_malformed_path(rest: Rest, bad_request: BadRequest, method: str, path: str) -> None:
    """http_rest_api_util.cc, kPredictionApiGegex and kModelStatusApiRegex; most of the paths are
    http_rest_api_handler_test.cc's, UnsupportedApiCalls."""
    response = rest.send(method, path, b"{}" if method == "POST" else None)
    text = bad_request(response, "^Malformed request: ")
    assert text == f"Malformed request: {method} {path}"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_malformed_requests(
    rest: Rest, bad_request: BadRequest, method: str
) -> None:
    """http_rest_api_handler.cc, ProcessRequest: neither POST nor GET, and not 405."""
    response = rest.send(method, f"/v1/models/{rest.model}:predict", b"{}")
    bad_request(response, f"Malformed request: {method} ")


def test_model_must_be_named(rest: Rest, bad_request: BadRequest) -> None:
    """http_rest_api_handler.cc, ProcessModelStatusRequest."""
    bad_request(rest.send("GET", "/v1/models"), "Missing model name in request")
    bad_request(rest.send("GET", "/v1/models/metadata"), status=404)


def test_version_must_fit_64_bits(rest: Rest) -> None:
    """http_rest_api_util.cc, ParseModelInfo: `Failed to convert version`, which
    http_rest_api_handler.cc returns before it writes a body."""
    for response in (
        rest.get(f"/versions/{2**64 - 1}"),
        rest.predict({"instances": ["a"]}, f"/versions/{2**64 - 1}"),
    ):
        assert response.status_code == 400
        assert response.text == "" or "Failed to convert version" in response.text


def test_fixed_parts_are_case_insensitive(rest: Rest) -> None:
    """http_rest_api_util.cc, kModelStatusApiRegex: (?i)."""
    assert rest.send("GET", f"/V1/Models/{rest.model}").status_code == 200


def test_names_are_percent_decoded(rest: Rest, bad_request: BadRequest) -> None:
    """http_rest_api_util.cc, DecodeArg; http_rest_api_util_test.cc, TestParseModelInfoForGet."""
    encoded = "".join(f"%{byte:02X}" for byte in rest.model.encode())
    assert rest.send("GET", f"/v1/models/{encoded}").status_code == 200
    response = rest.send("GET", "/v1/models/a%2Fb%3Ac+d")
    text = "Could not find any versions of model a/b:c+d"
    bad_request(response, re.escape(text), status=404)


def test_other_paths_are_not_found(rest: Rest) -> None:
    """http_server.cc, Dispatch: only /v1/ is the API's; the page is the HTTP library's."""
    assert rest.send("GET", "/v2/models").status_code == 404
    assert rest.send("GET", "/monitoring/no-such-page").status_code == 404
    assert rest.send("POST", "/no/such/page", b"{}").status_code in (404, 405)
