import math

import pytest

from components.bit import variants
from tests.components.bit import numpy_resnet


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_name_states_depth_and_width(name):
    variant = variants.get(name)
    assert name == f"R{variant.depth}x{variant.width_factor:g}"


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_groups_divide_every_channel_count(name):
    variant = variants.get(name)
    counts = (variant.root_channels, *variant.bottleneck_channels, variant.features)
    assert all(count % 32 == 0 for count in counts)


@pytest.mark.parametrize(
    ("name", "millions"),
    # Backbone sizes that the published hub modules report.
    [("R50x1", 23), ("R101x1", 42), ("R50x3", 211), ("R101x3", 381), ("R152x4", 928)],
)
def test_released_variants_have_the_published_number_of_parameters(name, millions):
    variant = variants.get(name)
    shapes = numpy_resnet.checkpoint_shapes(variant.units, variant.width_factor)
    assert int(sum(map(math.prod, shapes.values())) / 1e6) == millions


@pytest.mark.parametrize(
    ("name", "billions"),
    # Of a ResNet-v2 at 224 px, stride in the 3x3: ResNet-50 4.1, ResNet-101 7.8; 9 times at x3.
    [("R50x1", 4.1), ("R101x1", 7.8), ("R50x3", 36.5)],
)
def test_multiplications_are_those_of_the_literature(name, billions):
    assert variants.get(name).multiplications(224) / 1e9 == pytest.approx(billions, rel=0.02)


def test_names_are_found_in_any_case():
    assert variants.get("r152X2") is variants.VARIANTS["R152x2"]


def test_an_unknown_name_is_rejected_with_a_suggestion():
    with pytest.raises(ValueError, match="unknown variant 'R51x1'; did you mean 'R50x1'"):
        variants.get("R51x1")


@pytest.mark.parametrize("width_factor", [0, 0.25, 0.75, 1.3])
def test_a_width_that_the_groups_do_not_divide_is_rejected(width_factor):
    with pytest.raises(ValueError, match=f"Received: width_factor={width_factor}"):
        variants.Variant("odd", (1, 1, 1, 1), width_factor)


def test_an_empty_block_is_rejected():
    with pytest.raises(ValueError, match="Received: \\(1, 0, 1, 1\\)"):
        variants.Variant("odd", (1, 0, 1, 1), 1)
