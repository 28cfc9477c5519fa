"""REST's JSON, both ways."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import UnexpectedReplyError
from serving.client import codec_json


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_request_is_the_documented_row_format(pictures: list[bytes]) -> None:
    body = codec_json.predict_body(pictures)
    assert json.loads(body) == {
        "signature_name": "serving_default",
        "instances": [{"b64": base64.b64encode(data).decode()} for data in pictures],
    }
    # By this, requests are cut: it may not be too little.
    assert len(body) <= codec_json.BODY_BYTES + sum(map(codec_json.instance_bytes, pictures))


def test_predictions_are_ranked() -> None:
    row = {"label": "bee", "labels": ["ant", "bee"], "scores": [0.25, 0.75]}
    (found,) = codec_json.predictions(json.dumps({"predictions": [row]}).encode(), 1, 3)
    assert found.label == "bee"
    assert found.scores == (("bee", 0.75), ("ant", 0.25))
    assert found.model_version == 3
    body = json.dumps({"predictions": [row | {"label": "unknown"}]}).encode()
    (unsure,) = codec_json.predictions(body, 1, 3)
    assert (unsure.label, unsure.scores) == ("unknown", found.scores)


@pytest.mark.parametrize(
    "reply",
    [
        *(b"", b"<html>hello</html>", b"[]", b"null", b"{}", b'{"predictions": 1}'),
        *(b'{"predictions": []}', b'{"predictions": [1]}', b'{"predictions": [{}]}'),
        b'{"predictions": [{"scores": [], "labels": []}]}',
        b'{"predictions": [{"scores": [1, 2], "labels": ["a"]}]}',
        b'{"predictions": [{"scores": ["1"], "labels": ["a"]}]}',
        b'{"predictions": [{"scores": [1], "labels": [2]}]}',
        b'{"predictions": [{"scores": [1e400], "labels": "a"}]}',
        b'{"predictions": [{"scores": [1], "labels": ["\\ud800"]}]}',
        b"[" * 100_000,
    ],
)
def test_reply_of_something_else_is_told_and_shown_in_part(reply: bytes) -> None:
    with pytest.raises(UnexpectedReplyError, match="Received: ") as caught:
        codec_json.predictions(reply, 1, 1)
    assert len(str(caught.value)) < 500


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "metadata",
                        "signature_def",
                        "model_spec",
                        "version",
                        "inputs",
                        "model_version_status",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_makes_anything_but_the_documented_error(document: object) -> None:
    body = json.dumps(document).encode()
    for read in (
        codec_json.metadata,
        codec_json.statuses,
        lambda data: codec_json.predictions(data, 1, 1),
    ):
        try:
            read(body)
        except UnexpectedReplyError:
            continue


def test_error_text_is_the_servers_or_what_a_gateway_sent() -> None:
    assert codec_json.error_text(b'{"error": "Malformed request"}') == "Malformed request"
    assert codec_json.error_text(b"<h1>Bad\n gateway</h1>") == "<h1>Bad gateway</h1>."
    assert codec_json.error_text(b"") == "nothing."
    assert codec_json.error_text(b'{"error": "\\ud800"}') == "?"
