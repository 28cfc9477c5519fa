"""The weights that come with the package: whole, described truly, and of use without a network."""

import dataclasses
import hashlib
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from bitpipe.errors import WeightsError
from components.bit import networks, packaged, resnet_v2, weights

CARD = Path(__file__).parents[3] / "docs" / "bit-mini.md"
LARGEST_BYTES = 12_000_000
SOURCE = packaged.SOURCES[packaged.CLASSIFIER]


@pytest.fixture(scope="module")
def file():
    return Path(SOURCE.address)


@pytest.fixture(scope="module")
def classifier():
    model = resnet_v2.build(networks.variant_of(packaged.CLASSIFIER), SOURCE.num_classes)
    weights.load(model, packaged.CLASSIFIER, head=True)
    return model


def test_the_file_is_small_and_in_half_precision(file):
    assert file.stat().st_size <= LARGEST_BYTES
    with np.load(file) as arrays:
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype(np.float16)}


def test_digest_network_and_accuracy_are_those_of_the_card(file):
    card = CARD.read_text("utf-8")
    (sha256,) = re.findall(r"sha256 `([0-9a-f]{64})`", card)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SOURCE.sha256 == sha256
    (variant,) = re.findall(r"\| network \| (\S+),", card)
    assert variant == SOURCE.variant
    ((size, top1),) = re.findall(r"top-1 of 1,000, (\d+) px \| (0\.\d+)", card)
    assert int(size) == SOURCE.eval_size
    assert float(top1) == pytest.approx(packaged.TOP_1, abs=5e-4)


def test_the_backbone_is_the_classifier_without_its_head(classifier):
    features = resnet_v2.build(networks.variant_of(packaged.BACKBONE))
    weights.load(features, packaged.BACKBONE)
    images = np.random.default_rng(0).random((2, 64, 64, 3), "float32")
    cut = keras.Model(classifier.input, classifier.get_layer(resnet_v2.FEATURES).output)
    np.testing.assert_allclose(features(images), cut(images), atol=1e-5)


def test_it_tells_pictures_apart(classifier):
    images = np.random.default_rng(0).random((2, 64, 64, 3), "float32")
    scores = keras.ops.convert_to_numpy(keras.ops.softmax(classifier(images)))
    assert scores.max() > 10 / SOURCE.num_classes  # of noise it is surer than chance
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_a_damaged_installation_is_told_before_anything_is_loaded(file, tmp_path, monkeypatch):
    damaged = tmp_path / file.name
    damaged.write_bytes(file.read_bytes()[:-1])
    broken = dataclasses.replace(SOURCE, address=str(damaged))
    monkeypatch.setitem(weights.sources.SOURCES, packaged.CLASSIFIER, broken)
    with pytest.raises(WeightsError, match=r"bit-mini-in1k of this installation are damaged"):
        weights.load(resnet_v2.build(SOURCE.variant, 1000), packaged.CLASSIFIER, head=True)
