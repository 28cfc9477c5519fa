import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import UnexpectedReplyError
from serving.client import codec, messages

FLOAT, STRING = 1, 7


def response_with(scores: list[list[float]], labels: list[str], *, packed: bool = False) -> Any:
    response = messages.PredictResponse()
    response.model_spec.version.value = 5
    flat = [score for row in scores for score in row]
    if packed:
        response.outputs["scores"].tensor_content = struct.pack(f"<{len(flat)}f", *flat)
    else:
        response.outputs["scores"].float_val.extend(flat)
    response.outputs["labels"].string_val.extend([label.encode() for label in labels * len(scores)])
    for name, dtype in (("scores", FLOAT), ("labels", STRING)):
        response.outputs[name].dtype = dtype
        for size in (len(scores), len(labels)):
            response.outputs[name].tensor_shape.dim.add(size=size)
    return response


@pytest.mark.parametrize("packed", [False, True])
def test_scores_are_ranked_within_each_picture(packed: bool) -> None:
    response = response_with(
        [[0.25, 0.5, 0.125], [0.75, 0.0, 0.25]], ["ant", "bée", "fly"], packed=packed
    )
    assert codec.predictions(response, 2) == [
        codec.Prediction("bée", (("bée", 0.5), ("ant", 0.25), ("fly", 0.125)), 5),
        codec.Prediction("ant", (("ant", 0.75), ("fly", 0.25), ("bée", 0.0)), 5),
    ]


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=5),
    st.booleans(),
)
def test_every_score_stays_with_its_label(scores: list[list[float]], packed: bool) -> None:
    answers = codec.predictions(response_with(scores, ["a", "b", "c"], packed=packed), len(scores))
    for row, answer in zip(scores, answers, strict=True):
        assert dict(answer.scores) == dict(zip("abc", row, strict=True))
        assert [score for _, score in answer.scores] == sorted(row, reverse=True)
        assert answer.label == answer.scores[0][0]


def test_tail_of_equal_values_may_be_left_out() -> None:
    response = response_with([[0.5, 0.25, 0.25]], ["a", "b", "c"])
    response.outputs["scores"].float_val.pop()
    assert codec.predictions(response, 1)[0].scores == (("a", 0.5), ("b", 0.25), ("c", 0.25))


def test_an_answer_that_is_no_class_goes_before_the_classes() -> None:
    response = response_with([[0.25, 0.5], [0.9375, 0.0625]], ["ant", "bee"])
    response.outputs["label"].dtype = STRING
    response.outputs["label"].string_val.extend([b"unknown", b"ant"])
    unsure, sure = codec.predictions(response, 2)
    assert (unsure.label, unsure.scores) == ("unknown", (("bee", 0.5), ("ant", 0.25)))
    assert unsure.told == (("unknown", 0.5), *unsure.scores)
    assert sure.label == "ant"
    assert sure.told == sure.scores


@pytest.mark.parametrize("values", [[], [b"unknown"] * 2])
def test_a_label_of_another_kind_is_no_answer(values: list[bytes]) -> None:
    response = response_with([[0.25, 0.5]], ["ant", "bee"])
    response.outputs["label"].dtype = STRING
    response.outputs["label"].string_val.extend(values)
    assert codec.predictions(response, 1)[0].label == "bee"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r.outputs.pop("scores"), "Received: labels"),
        (lambda r: r.outputs.clear(), "Received: nothing"),
        (lambda r: setattr(r.outputs["scores"], "dtype", 3), "int32"),
        (lambda r: setattr(r.outputs["labels"].tensor_shape.dim[1], "size", 4), r"\(1, 4\)"),
        (lambda r: r.outputs["scores"].tensor_shape.dim.pop(), r"\(1,\)"),
        (lambda r: r.outputs["scores"].float_val.append(1.0), "Received: 3"),
        (lambda r: r.outputs["labels"].ClearField("string_val"), "Received: 0"),
    ],
)
def test_reply_of_another_model_is_an_error(change: Any, text: str) -> None:
    response = response_with([[0.5, 0.5]], ["a", "b"])
    change(response)
    with pytest.raises(UnexpectedReplyError, match=text):
        codec.predictions(response, 1)


def test_reply_for_another_number_of_pictures_is_an_error() -> None:
    with pytest.raises(UnexpectedReplyError, match=r"shape \(2, classes\)"):
        codec.predictions(response_with([[0.5, 0.5]], ["a", "b"]), 2)


def test_statuses_are_named_newest_first() -> None:
    response = messages.GetModelStatusResponse()
    response.model_version_status.add(version=1, state=30)
    failed = response.model_version_status.add(version=2, state=50)
    failed.status.error_message = "cannot be parsed"
    assert codec.statuses(response) == [
        codec.VersionStatus(2, "END", "cannot be parsed"),
        codec.VersionStatus(1, "AVAILABLE", ""),
    ]


def test_metadata_tells_unknown_sizes_and_ranks() -> None:
    signatures = messages.SignatureDefMap()
    signature = signatures.signature_def["serving_default"]
    signature.inputs["image"].dtype = STRING
    signature.inputs["image"].tensor_shape.dim.add(size=-1)
    signature.outputs["scores"].dtype = FLOAT
    signature.outputs["scores"].tensor_shape.unknown_rank = True
    response = messages.GetModelMetadataResponse()
    with pytest.raises(UnexpectedReplyError, match="signature_def"):
        codec.metadata(response)
    response.metadata["signature_def"].value = signatures.SerializeToString()
    assert codec.metadata(response).signatures["serving_default"] == codec.Signature(
        inputs={"image": codec.TensorSpec("string", (None,))},
        outputs={"scores": codec.TensorSpec("float", None)},
    )
