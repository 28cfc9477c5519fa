"""REST :predict, answered. Sources are files of github.com/tensorflow/serving."""

import json
from typing import Any

import numpy as np
import pytest

from tests.contract import requests_grpc
from tests.contract.requests_grpc import output
from tests.contract.target import TIMEOUT_S, TOLERANCE, Rest, Target, b64

OUTPUTS = {"scores", "labels", "label"}


def predictions(rest: Rest, body: Any, path: str = "") -> list[dict[str, Any]]:
    """The rows of an answer in row format."""
    response = rest.predict(body, path)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["predictions"]
    return list(response.json()["predictions"])


def outputs(rest: Rest, body: Any, path: str = "") -> dict[str, Any]:
    """The columns of an answer in column format."""
    response = rest.predict(body, path)
    assert response.status_code == 200, response.text
    assert list(response.json()) == ["outputs"]
    return dict(response.json()["outputs"])


def test_rows_are_answered_by_rows(rest: Rest, picture: bytes, other_picture: bytes) -> None:
    """json_tensor.cc, MakeRowFormatJsonFromTensors: objects, as there are several outputs."""
    rows = predictions(rest, {"instances": [b64(picture), b64(other_picture)]})
    assert [set(row) for row in rows] == [OUTPUTS] * 2
    for row in rows:
        assert len(row["scores"]) == len(row["labels"])
        assert row["label"] == row["labels"][int(np.argmax(row["scores"]))]


def test_columns_are_answered_by_columns(rest: Rest, picture: bytes, other_picture: bytes) -> None:
    """json_tensor.cc, MakeColumnarFormatJsonFromTensors."""
    columns = outputs(rest, {"inputs": [b64(picture), b64(other_picture)]})
    assert set(columns) == OUTPUTS
    assert np.shape(columns["scores"]) == np.shape(columns["labels"])
    assert np.shape(columns["label"]) == (2,)


def test_all_forms_of_a_request_get_the_same_scores(
    rest: Rest, picture: bytes, other_picture: bytes
) -> None:
    """g3doc/api_rest.md, Request format; json_tensor.cc, FillTensorMapFromInstancesList and
    FillTensorMapFromInputsMap: a single input need not be named."""
    pictures = [b64(picture), b64(other_picture)]
    rows = predictions(rest, {"instances": pictures})
    named = predictions(rest, {"instances": [{"image": picture} for picture in pictures]})
    columns = outputs(rest, {"inputs": {"image": pictures}})
    alone = outputs(rest, {"inputs": pictures})
    expected = [row["scores"] for row in rows]
    for scores in ([row["scores"] for row in named], columns["scores"], alone["scores"]):
        np.testing.assert_allclose(scores, expected, **TOLERANCE)
    labels = [row["label"] for row in rows]
    assert [row["label"] for row in named] == columns["label"] == alone["label"] == labels


def test_rest_and_grpc_agree(
    rest: Rest, prediction_service: Any, target: Target, picture: bytes, other_picture: bytes
) -> None:
    """Both run predict_util.cc, RunPredict; json_tensor.cc, WriteDecimal writes as many digits as
    a float32 needs to be read back."""
    pictures = [picture, other_picture]
    answer = prediction_service.Predict(
        requests_grpc.predict(target.model, *pictures), timeout=TIMEOUT_S
    )
    columns = outputs(rest, {"inputs": [b64(picture) for picture in pictures]})
    np.testing.assert_allclose(columns["scores"], output(answer, "scores"), **TOLERANCE)
    for name in ("labels", "label"):
        decoded = np.char.decode(output(answer, name).astype(bytes), "utf-8")
        assert columns[name] == decoded.tolist()


def test_scores_are_decimal_numbers(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, WriteDecimal: whole numbers get a `.0`, so that no list mixes types."""
    (row,) = predictions(rest, {"instances": [b64(picture)]})
    assert {type(score) for score in row["scores"]} == {float}


def test_answer_is_json(rest: Rest, picture: bytes) -> None:
    """http_rest_api_util.cc, AddHeaders."""
    response = rest.predict({"instances": [b64(picture)]})
    assert response.headers["Content-Type"] == "application/json"


def test_version_can_be_asked_for_by_number(rest: Rest, picture: bytes, version: int) -> None:
    """http_rest_api_util.cc, kPredictionApiGegex."""
    body = {"instances": [b64(picture)]}
    assert predictions(rest, body, f"/versions/{version}")[0].keys() == OUTPUTS


def test_version_can_be_asked_for_by_label(rest: Rest, picture: bytes, label: str) -> None:
    """http_rest_api_util.cc, kPredictionApiGegex; FillModelSpecWithNameVersionAndLabel."""
    assert predictions(rest, {"instances": [b64(picture)]}, f"/labels/{label}")[0].keys() == OUTPUTS


def test_signature_can_be_asked_for_by_name(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, FillSignature."""
    body = {"signature_name": "serving_default", "instances": [b64(picture)]}
    assert predictions(rest, body)[0].keys() == OUTPUTS


def test_unknown_keys_are_ignored(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, FillPredictRequestFromJson and FillTensorMapFromInputsMap look for what they
    know only."""
    body = {"comment": 1, "inputs": {"image": [b64(picture)], "unknown": [1]}}
    assert outputs(rest, body).keys() == OUTPUTS


def test_text_after_the_document_is_ignored_or_refused(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, ParseJson: kParseStopWhenDoneFlag since 2.18; before, a parse error."""
    response = rest.predict(json.dumps({"instances": [b64(picture)]}).encode() + b"\n}]")
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert response.json()["error"].startswith("JSON Parse error")


@pytest.mark.parametrize("sent", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_content_type_of_the_request_does_not_matter(rest: Rest, picture: bytes, sent: str) -> None:
    """http_server.cc, ProcessRequest reads the body only: `curl -d` sends the first of these."""
    body = json.dumps({"instances": [b64(picture)]}).encode()
    path = f"/v1/models/{rest.model}:predict"
    assert rest.send("POST", path, body, **{"Content-Type": sent}).status_code == 200


def test_base64_may_lack_its_padding(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, JsonDecodeBase64Object: absl::Base64Unescape, escaping.h."""
    padded = picture + b"\0" * ((1 - len(picture)) % 3)  # behind the end of the picture
    text = b64(padded)["b64"]
    assert text.endswith("==")
    rows = predictions(rest, {"instances": [{"b64": text}, {"b64": text.rstrip("=")}]})
    np.testing.assert_allclose(rows[0]["scores"], rows[1]["scores"], **TOLERANCE)


def test_empty_column_is_answered_or_refused(rest: Rest, picture: bytes) -> None:
    """json_tensor.cc, FillTensorMapFromInputsMap: a tensor of shape [0], the model's to judge."""
    response = rest.predict({"inputs": []})
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert response.json()["outputs"] == {"scores": [], "labels": [], "label": []}


def test_body_larger_than_4_mib_is_answered(rest: Rest, large_picture: bytes) -> None:
    """http_server.cc sets no limit; libevent's evhttp has none by default."""
    assert predictions(rest, {"instances": [b64(large_picture)]})[0].keys() == OUTPUTS
