"""The REST API, asked as any other HTTP client would."""

import base64
import gzip
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bitpipe.model import evaluation
from serving.server import ModelServer
from serving.server.options import Batching, Limits, Options

Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def server(
    push: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    evaluated = push(models / "colours", 20) / evaluation.FILE
    evaluated.parent.mkdir(exist_ok=True)
    evaluated.write_text(evaluation.Evaluation(0.75, 40).encode())
    options = Options(limits=Limits(max_message_bytes=100_000), batching=Batching(max_batch_size=4))
    with ModelServer(models, "colours", port=0, rest_port=0, options=options) as server:
        yield server


@pytest.fixture
def url(server: ModelServer) -> str:
    return f"http://{server.rest_address}"


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def post(url: str, body: Any, path: str = "/v1/models/colours:predict") -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(url + path, data=data, timeout=20)


@pytest.mark.parametrize("path", ["", "/versions/20"])
def test_rows_and_columns_give_the_same_scores(url: str, encode: Encode, path: str) -> None:
    pictures = [b64(encode("#ff8000")), b64(encode("navy"))]
    rows = post(url, {"instances": pictures}, f"/v1/models/colours{path}:predict")
    named = post(url, {"instances": [{"image": picture} for picture in pictures]})
    columns = post(url, {"inputs": {"image": pictures}})
    alone = post(url, {"signature_name": "serving_default", "inputs": pictures})
    assert rows.status_code == 200
    assert rows.headers["X-Model-Version"] == "20"
    assert rows.headers["Content-Type"] == "application/json"
    assert rows.json() == named.json()
    unpadded = [{"b64": picture["b64"].rstrip("=")} for picture in pictures]
    assert post(url, {"instances": unpadded}).json() == rows.json()
    assert columns.json() == alone.json()
    first, second = rows.json()["predictions"]
    assert first == {
        "label": "red",
        "labels": ["red", "green", "blue"],
        "scores": [1.0, 0.5019608, 0.0],  # float32's shortest digits
    }
    assert second["label"] == "blue"
    outputs = columns.json()["outputs"]
    assert outputs["label"] == ["red", "blue"]
    assert outputs["scores"] == [first["scores"], second["scores"]]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: "),
        (b"\xff", "JSON Parse error: Invalid encoding"),
        (b"[" * 50_000, "JSON Parse error: "),
        ([1], "JSON Value: [1] Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [], "inputs": []}, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": {}}, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [1]}, "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"instances": [None]}, "JSON Value: null Type: Null is not of expected type: string"),
        ({"instances": [{"b64": "!"}]}, "Unable to base64 decode"),
        ({"instances": [{"b64": "A"}]}, "Unable to base64 decode"),
        ({"instances": [{"photo": "x"}]}, "does not have named input: photo"),
        ({"instances": [{}]}, "keys must be equal to: image"),
        ({"instances": [{"image": "x"}, "x"]}, "Expecting object but got list at item 1"),
        ({"instances": ["x", {"image": "x"}]}, "Expecting value/list but got object at item 1"),
        (
            {"instances": [["x"], "x"]},
            "Failed to process element: 1 of 'instances' list. Error:",
        ),
        ({"instances": [["x"], ["x", "x"]]}, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [["x"], "x"]}, "Expecting shape [1] but got: []"),
        ({"instances": [{"image": 1}]}, "element: 0 key: image of 'instances' list."),
        ({"instances": [{"b64": "__8="}]}, "Unable to base64 decode"),
        (b"  ", "The document is empty. at offset: 2"),
        (rb'{"instances": "\ud800"}', "The surrogate pair in string is invalid."),
        (rb'{"signature_name": "\uDFFF", "instances": ["x"]}', "The surrogate pair in string"),
        (rb'{"instances": [{"\ud83c": "x"}]}', "The surrogate pair in string is invalid."),
        (b'{"instances": [%b]}' % (b"9" * 400), "Number too big to be stored in double."),
        (b'{"instances": [%b]}' % (b"9" * 5000), "Number too big to be stored in double."),
        (b'{"instances": [-1e999]}', "Number too big to be stored in double."),
        (b'{"instances": [%b]}' % (b"9" * 300), "Type: Number is not of expected type: string"),
        ({"inputs": {"photo": ["x"]}}, "Missing named input: image in 'inputs' object."),
        ({"inputs": [["x"], "x"]}, "found at incorrect level: 2 in the JSON DOM"),
        ({"inputs": [["x"], ["x", "x"]]}, "unexpected size: 2 at level: 1 expected size: 1"),
        ({"inputs": ["x", ["x"]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ({"signature_name": 1}, "'signature_name' key must be a string value."),
        (
            {"signature_name": "other", "instances": ["x"]},
            'Serving signature name: "other" not found in signature def',
        ),
    ],
)
def test_a_wrong_body_is_answered_in_tensorflow_servings_words(
    url: str, body: Any, text: str
) -> None:
    response = post(url, body)
    assert response.status_code == 400
    assert text in response.json()["error"]


def test_characters_written_as_two_surrogates_are_whole(url: str) -> None:
    response = post(url, rb'{"instances": ["\ud83c\udf55"]}')
    # The model gets as far as decoding it.
    assert "surrogate" not in response.json()["error"]
    assert "image" in response.json()["error"].lower()


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/colours:predict", 400, "Malformed request: GET /v1/models/colours:pr"),
        ("POST", "/v1/models/colours", 400, "Malformed request: POST /v1/models/colours"),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/colours/versions/7", 404, "Could not find version 7 of model colours"),
        ("GET", "/v1/models/colours/versions/7/metadata", 404, "Specific(colours, 7)"),
        ("GET", f"/v1/models/colours/versions/{2**63}", 400, "Failed to convert version"),
        ("GET", f"/v1/models/colours/versions/{'9' * 5000}", 400, "Failed to convert version"),
        ("GET", f"/v1/models/colours/versions/{'0' * 5000}7", 404, "Could not find version 7"),
        ("GET", "/v1/models/colours/labels/x/metadata", 400, "servable version label: x"),
        ("POST", "/v1/models/colours:PREDICT", 400, "Malformed request: POST"),
        ("DELETE", "/v1/models/colours", 400, "Malformed request: DELETE /v1/models/colours"),
        ("OPTIONS", "/v1/models/colours", 400, "Malformed request: OPTIONS"),
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/colours:regress", 501, "run TensorFlow Serving"),
    ],
)
def test_what_is_not_there_has_its_status(
    url: str, method: str, path: str, status: int, text: str
) -> None:
    response = requests.request(method, url + path, data=b'{"instances": ["x"]}', timeout=20)
    assert response.status_code == status
    assert text in response.json()["error"]


def test_status_and_metadata_are_printed_as_tensorflow_serving_does(url: str) -> None:
    assert requests.get(f"{url}/v1/models/colours", timeout=20).json() == {
        "model_version_status": [
            {
                "version": "20",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    metadata = requests.get(f"{url}/v1/models/colours/metadata", timeout=20).json()
    assert metadata["model_spec"] == {
        "name": "colours",
        "signature_name": "",
        "version": "20",
    }
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["image"]["dtype"] == "DT_STRING"
    assert signatures["serving_default"]["outputs"]["scores"]["tensor_shape"]["dim"] == [
        {"name": "", "size": "-1"},
        {"name": "", "size": "3"},
    ]


def test_models_are_listed_for_the_page(url: str) -> None:
    assert requests.get(f"{url}/models", timeout=20).json() == {
        "models": [
            {
                "name": "colours",
                "versions": [
                    {
                        "version": "20",
                        "state": "AVAILABLE",
                        "error": "",
                        "pushed": None,
                        "accuracy": 0.75,
                        "pictures": 40,
                    }
                ],
                "labels": {},
            }
        ]
    }


def test_a_bad_picture_has_its_index_and_the_next_request_is_answered(
    url: str, encode: Encode
) -> None:
    good = b64(encode("red"))
    refused = post(url, {"instances": [good, b64(b"GIF8 no picture"), good]})
    assert refused.status_code == 400
    assert "(input 1 of 3, counted from 0)" in refused.json()["error"]
    assert post(url, {"instances": [good] * 3}).status_code == 200


def test_a_body_above_the_limit_is_refused(url: str) -> None:
    refused = post(url, b" " * 100_001)
    assert refused.status_code == 413
    assert "larger than 100000 bytes" in refused.json()["error"]


def test_metrics_count_requests_and_batches(url: str, encode: Encode) -> None:
    def value(line: str) -> float:
        page = requests.get(f"{url}/monitoring/prometheus/metrics", timeout=20).text
        found = [text for text in page.splitlines() if text.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    answered = ':tensorflow:serving:request_count{model_name="colours",status="OK"}'
    refused = ':tensorflow:serving:request_count{model_name="colours",status="INVALID_ARGUMENT"}'
    unknown = ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"}'
    rows = 'bitpipe_batch_rows_sum{model_name="colours"}'
    before = [value(line) for line in (answered, refused, unknown, rows)]
    post(url, {"instances": [b64(encode("red"))] * 3})
    post(url, {})
    post(url, {"instances": ["x"]}, "/v1/models/none:predict")
    after = [value(line) for line in (answered, refused, unknown, rows)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 3]
    assert value('bitpipe_model_loaded{model_name="colours",version="20"}') == 1
    latency = ':tensorflow:serving:request_latency_count{API="predict",entrypoint="REST",'
    assert value(latency + 'model_name="colours"}') >= 1


def test_a_client_that_hangs_up_does_no_harm(server: ModelServer, url: str, encode: Encode) -> None:
    host, port = server.rest_address.split(":")
    body = json.dumps({"instances": [b64(encode("red"))]}).encode()
    request = "POST /v1/models/colours:predict HTTP/1.1"
    head = f"{request}\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    for sent in (head.encode(), head.encode() + body[:50], head.encode() + body):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
    time.sleep(0.1)
    assert post(url, {"instances": [b64(encode("red"))]}).status_code == 200


def test_the_page_and_its_files_are_confined_to_this_server(url: str) -> None:
    index = requests.get(f"{url}/", timeout=20)
    assert index.headers["Content-Type"].startswith("text/html")
    linked = set(re.findall(r'(?:href|src)="(web/[^"]+)"', index.text))
    assert len(linked) >= 2
    for response in (index, *(requests.get(f"{url}/{path}", timeout=20) for path in linked)):
        assert response.status_code == 200
        assert (
            "default-src 'none'; script-src 'self'" in response.headers["Content-Security-Policy"]
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "http://" not in response.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in response.text


@pytest.mark.parametrize("path", ["/web/../rest.py", "/web/%2e%2e/rest.py", "/web/", "/rest.py"])
def test_no_other_file_can_be_read(server: ModelServer, path: str) -> None:
    connection = http.client.HTTPConnection(server.rest_address, timeout=20)
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


def test_gzip_is_unpacked(url: str, encode: Encode) -> None:
    body = gzip.compress(json.dumps({"instances": [b64(encode("red"))]}).encode())
    reply = requests.post(
        url + "/v1/models/colours:predict",
        data=body,
        headers={"Content-Encoding": "gzip"},
        timeout=20,
    )
    assert reply.json()["predictions"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (gzip.compress(bytes(10_000_000), mtime=0), 413, "larger than 100000 bytes"),
        (b'{"instances": []}', 400, "not gzip"),
        (gzip.compress(b'{"instances": []}', mtime=0)[:-9], 400, "ends before its end"),
    ],
)
def test_gzip_that_swells_or_is_none_is_refused(
    url: str, body: bytes, status: int, text: str
) -> None:
    reply = requests.post(
        url + "/v1/models/colours:predict",
        data=body,
        headers={"Content-Encoding": "gzip"},
        timeout=20,
    )
    assert (reply.status_code, text in reply.json()["error"]) == (status, True)
