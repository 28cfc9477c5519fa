import numpy as np
import pytest

from bitpipe.errors import WeightsError
from components.bit import matching
from components.bit.matching import Array
from tests.components.bit import numpy_resnet

UNITS = (1, 2, 1, 1)


@pytest.fixture(scope="module")
def checkpoint():
    return numpy_resnet.random_checkpoint(UNITS, 0.5, num_classes=7)


@pytest.fixture(scope="module")
def expected(checkpoint):
    return matching.by_name([Array(name, value) for name, value in checkpoint.items()])


@pytest.fixture(scope="module")
def shapes(expected):
    return {name: value.shape for name, value in expected.items()}


def anonymous(checkpoint):
    """Only the last part of each name is left, as in a SavedModel written through Keras."""
    return [Array(name.rpartition("/")[2] + ":0", value) for name, value in checkpoint.items()]


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        (
            "resnet/root_block/standardized_conv2d/kernel",
            "root_block/standardized_conv2d/kernel",
        ),
        (
            "resnet/block1/unit01/a/proj/standardized_conv2d/kernel",
            "block1/unit01/a/proj/standardized_conv2d/kernel",
        ),
        (
            "block3/block3/unit36/c/group_norm/gamma:0",
            "block3/unit36/c/group_norm/gamma",
        ),
        ("block4-unit02-b-group_norm/beta", "block4/unit02/b/group_norm/beta"),
        ("resnet_v2/group_norm/beta:0", "group_norm/beta"),
        ("resnet/head/conv2d/kernel", "head/kernel"),
        ("head/dense/head/dense/bias:0", "head/bias"),
        ("head/kernel", "head/kernel"),
        ("unit01/a/standardized_conv2d/kernel:0", None),
        ("resnet/block1/group_norm/gamma", None),
        ("resnet/block1/unit01/d/group_norm/gamma", None),
        ("resnet/block1/unit01/a/group_norm/moving_mean", None),
        ("global_step", None),
    ],
)
def test_names_of_all_writers_mean_the_same(name, canonical):
    assert matching.canonical_name(name) == canonical


def test_strange_and_repeated_names_are_listed_with_their_shapes():
    arrays = [
        Array("momentum", np.zeros(3)),
        Array("resnet/group_norm/beta", np.zeros(4)),
        Array("group_norm/beta", np.zeros(4)),
    ]
    with pytest.raises(WeightsError, match=r"2 arrays .*momentum \(3,\), group_norm/beta \(4,\)"):
        matching.by_name(arrays)


@pytest.mark.parametrize("projection_first", [True, False])
def test_arrays_without_names_are_matched_by_their_order(
    checkpoint, expected, shapes, projection_first
):
    projection = "resnet/block1/unit01/a/proj/standardized_conv2d/kernel"
    names = [name for name in checkpoint if name != projection]
    last = names.index("resnet/block1/unit01/c/standardized_conv2d/kernel")
    names.insert(last if projection_first else last + 1, projection)
    arrays = anonymous({name: checkpoint[name] for name in names})
    candidates = matching.by_order(arrays, shapes)
    assert len(candidates) == 2
    assert_same(candidates[1 if projection_first else 0], expected)


def test_projections_that_kept_their_name_leave_no_doubt(checkpoint, expected, shapes):
    arrays = [
        Array("a/proj/kernel" if "proj" in name else name.rpartition("/")[2], value)
        for name, value in checkpoint.items()
    ]
    (candidate,) = matching.by_order(arrays, shapes)
    assert_same(candidate, expected)


def test_a_head_as_wide_as_a_convolution_is_still_the_last_kernel():
    checkpoint = numpy_resnet.random_checkpoint(UNITS, 0.5, num_classes=256)
    expected = matching.by_name([Array(name, value) for name, value in checkpoint.items()])
    shapes = {name: value.shape for name, value in expected.items()}
    assert checkpoint["resnet/head/conv2d/kernel"].shape[2:] == (1024, 256)
    assert any(
        all(np.array_equal(candidate[name], expected[name]) for name in expected)
        for candidate in matching.by_order(anonymous(checkpoint), shapes)
    )


def test_another_number_of_arrays_matches_nothing(checkpoint, shapes):
    arrays = anonymous(checkpoint)
    assert matching.by_order(arrays[:-3] + arrays[-2:], shapes) == []
    assert matching.by_order([*arrays, Array("kernel", np.zeros((3, 3, 1, 1)))], shapes) == []
    assert matching.by_order([*arrays, Array("bias", np.zeros(7))], shapes) == []


def test_differences_name_what_is_missing_unexpected_and_of_another_shape():
    weights = {"a": np.zeros(1), "b": np.zeros(2)}
    assert matching.differences(weights, {"b": (3,), "c": (4,)}) == (
        "1 missing: c (4,); 1 unexpected: a (1,); 1 of another shape: b is (2,) instead of (3,)"
    )
    assert matching.differences(weights, {"a": (1,), "b": (2,)}) is None


def test_long_lists_are_cut_and_counted():
    shapes = {f"v{index}": (1,) for index in range(100)}
    message = matching.differences({}, shapes)
    assert message.startswith("100 missing: v0 (1,)")
    assert message.endswith("and 92 more")


def test_differences_of_arrays_without_names_are_counted_by_kind():
    arrays = [Array("gamma:0", np.zeros(3)), Array("kernel", np.zeros((1, 2)))]
    message = matching.kind_differences(arrays, {"a/gamma": (3,), "b/gamma": (3,)})
    assert message == "1 missing: 1 x gamma (3,); 1 unexpected: 1 x kernel (1, 2)"
    assert matching.kind_differences(arrays[:1], {"a/gamma": (3,)}) is None
