"""What makes a model one of this project's, by the names in its signature."""

import pytest

from bitpipe.model import signature


@pytest.mark.parametrize(
    ("inputs", "outputs", "kept"),
    [
        (["image"], ["scores", "labels", "label"], True),
        (["image"], ["labels", "scores"], True),
        (["image"], ["scores"], False),
        (["image"], ["scores", "label"], False),
        (["image", "mask"], ["scores", "labels"], False),
        (["photo"], ["scores", "labels"], False),
        ([], [], False),
    ],
)
def test_a_signature_takes_images_alone_and_returns_scores_and_labels_at_least(
    inputs: list[str], outputs: list[str], kept: bool
) -> None:
    assert signature.is_kept(inputs, outputs) is kept
    assert signature.is_kept(dict.fromkeys(inputs), dict.fromkeys(outputs)) is kept


def test_the_served_models_input_is_the_ingested_feature() -> None:
    from components import features

    assert features.IMAGE == signature.IMAGE == "image"
