"""What is left of TensorFlow's texts."""

import pytest

from serving import texts

REASON = "Unknown image file format. One of JPEG, PNG, GIF, BMP required."


@pytest.mark.parametrize(
    "text",
    [
        REASON,
        f"{REASON}\n\t [[{{{{node map/while/decode_image/DecodeImage}}}}]]",
        f"{REASON}\n\t [[{{{{function_node map_while_body_16}}}}{{{{node decode_image}}}}]]\n\t "
        f"[[StatefulPartitionedCall/StatefulPartitionedCall/_17]]",
        f"{{{{function_node __inference_classify_31}}}} {REASON}\n\t [[{{{{node x}}}}]]",
        f"2 root error(s) found.\n  (0) INVALID_ARGUMENT: {REASON}\n\t [[{{{{node x}}}}]]\n"
        f"\t [[y/_3]]\n  (1) INVALID_ARGUMENT: {REASON}\n\t [[{{{{node x}}}}]]\n"
        f"0 successful operations.\n0 derived errors ignored.",
        f"2 root error(s) found.\n  (0) Invalid argument: {REASON}\n\t [[{{{{node x}}}}]]\n"
        f"  (1) Invalid argument: another",
        f"{REASON}\n\t [[node x (defined at a.py:3) ]]\n\nOriginal stack trace for 'x':\n  File",
    ],
)
def test_the_sentence_is_left_without_the_graph(text: str) -> None:
    assert texts.sentence(text) == REASON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Could not parse example input, value: '\x00'",
        'Serving signature key "other" not found.',
        "input image: Expects shape (None,) but () is provided",
        "input size does not match signature: 0!=1 len({}) != len({image}).",
        "Expecting shape [2] but got: [3]",
        "[[{{node only}}]]",
    ],
)
def test_all_other_texts_stay(text: str) -> None:
    assert texts.sentence(text) == text
