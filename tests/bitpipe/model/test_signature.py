"""What makes a model one of this project's, by the names in its signature."""

import ast
from pathlib import Path

import pytest

from bitpipe.model import layout, signature

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bitpipe", "components", "serving", "pipeline", "benchmarks")
HOMES = {"bitpipe/model/signature.py", "bitpipe/model/layout.py"}


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


def test_unmistakable_names_are_spelt_in_one_place() -> None:
    names = {signature.SERVING, signature.TRANSFORM_FEATURES, layout.SAVED_MODEL}
    spelt = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in HOMES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert spelt == []
