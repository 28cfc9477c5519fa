"""Which network a set of weights belongs to."""

import os

import numpy as np
import pytest

from bitpipe.errors import ConfigError
from components.bit import networks, packaged, variants
from tests.components.bit import numpy_resnet


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """A checkpoint of R14x0.5 whose name says nothing."""
    variant = variants.get("R14x0.5")
    path = tmp_path_factory.mktemp("npz") / "own.npz"
    np.savez(path, **numpy_resnet.random_checkpoint(variant.units, variant.width_factor, 3))
    return path


@pytest.mark.parametrize(
    ("backbone", "variant"),
    [
        ("bit-m-r50x1", "R50x1"),
        ("BiT-M-R152x4", "R152x4"),
        ("bit-m-r101x3-hub", "R101x3"),
        ("https://tfhub.dev/google/bit/s-r50x3/1", "R50x3"),
        ("somewhere/BiT-M-R101x1-ILSVRC2012.npz", "R101x1"),
        (packaged.BACKBONE, packaged.SOURCES[packaged.BACKBONE].variant),
    ],
)
def test_the_backbones_name_tells(backbone, variant):
    assert networks.variant_of(backbone) == variant
    assert networks.variant_of(backbone, variant.lower()) == variant


def test_a_checkpoints_content_tells(npz):
    assert networks.variant_of(npz) == "R14x0.5"


def test_a_checkpoints_content_tells_more_than_its_name(npz, tmp_path):
    os.link(npz, tmp_path / "BiT-M-R50x1.npz")
    assert networks.variant_of(tmp_path / "BiT-M-R50x1.npz") == "R14x0.5"


@pytest.mark.parametrize("backbone", ["scratch", "elsewhere/own.npz", "serving/photos/7"])
def test_where_nothing_tells_the_user_does_and_else_it_is_the_smallest_released_one(backbone):
    assert networks.variant_of(backbone, "r26x1") == "R26x1"
    assert networks.variant_of(backbone) == "R50x1"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive"])
def test_a_damaged_file_tells_nothing_here(tmp_path, damage):
    (tmp_path / "own.npz").write_bytes(damage)
    assert networks.variant_of(tmp_path / "own.npz", "R14x1") == "R14x1"


def test_a_contradiction_is_refused_with_both_names(npz):
    with pytest.raises(ConfigError, match=r"bit-m-r50x1 is of R50x1\. Received: .*R101x1"):
        networks.variant_of("bit-m-r50x1", "R101x1")
    with pytest.raises(ConfigError, match=r"is of R14x0\.5\. Received: .*R50x1"):
        networks.variant_of(npz, "R50x1")


def test_an_unknown_variant_is_refused():
    with pytest.raises(ConfigError, match="unknown variant 'R5'"):
        networks.variant_of("scratch", "R5")
