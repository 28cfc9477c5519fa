"""Which array of a checkpoint belongs to which variable of the network.

Names are canonical when they are those of a released checkpoint without `resnet/`, the head being
`head/kernel` (C, classes) and `head/bias`. Arrays without usable names are matched by their order.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from bitpipe.errors import WeightsError

HEAD_KERNEL, HEAD_BIAS = "head/kernel", "head/bias"
LISTED = 8  # names in one error message; a wrong variant would fill screens

_UNIT = re.compile(
    r"(?:^|/)block(?P<block>\d+)/(?:.*/)?unit(?P<unit>\d+)/(?P<part>[abc])"
    r"(?P<proj>/proj)?/(?P<layer>standardized_conv2d|group_norm)/(?P<leaf>kernel|gamma|beta)$"
)
_ROOT = re.compile(r"(?:^|/)root_block/(?:.*/)?standardized_conv2d/kernel$")
_NORM = re.compile(r"^(?:[^/]*/)*group_norm/(?P<leaf>gamma|beta)$")
_HEAD = re.compile(r"(?:^|/)head/(?:dense/|conv2d/)*(?P<leaf>kernel|bias)$")


@dataclasses.dataclass(frozen=True)
class Array:
    """A named array of a checkpoint."""

    name: str
    value: np.ndarray

    @property
    def leaf(self) -> str:
        """Last part of the name: kernel, gamma, beta or bias in every known checkpoint."""
        return self.name.removesuffix(":0").rpartition("/")[2]


def canonical_name(name: str) -> str | None:
    """`name` as the network knows it, or None if it does not say what it is the name of."""
    name = name.removesuffix(":0").replace("-", "/")
    if match := _UNIT.search(name):
        proj = match["proj"] or ""
        unit = f"block{int(match['block'])}/unit{int(match['unit']):02d}"
        return f"{unit}/{match['part']}{proj}/{match['layer']}/{match['leaf']}"
    if _ROOT.search(name):
        return "root_block/standardized_conv2d/kernel"
    if match := _HEAD.search(name):
        return f"head/{match['leaf']}"
    if "block" not in name and (match := _NORM.search(name)):
        return f"group_norm/{match['leaf']}"
    return None


def by_name(arrays: Sequence[Array]) -> dict[str, np.ndarray]:
    """Canonical name -> array.

    Raises:
        WeightsError: a name is not canonical, or two arrays have the same.
    """
    named: dict[str, np.ndarray] = {}
    strangers = []
    for array in arrays:
        name = canonical_name(array.name)
        if name is None or name in named:
            strangers.append(f"{array.name} {array.value.shape}")
        else:
            named[name] = _head_as_dense(name, array.value)
    if strangers:
        raise WeightsError(
            f"{len(strangers)} arrays have names that are not those of a BiT checkpoint: "
            f"{_listed(strangers)}."
        )
    return named


def by_order(
    arrays: Sequence[Array], shapes: Mapping[str, tuple[int, ...]]
) -> list[dict[str, np.ndarray]]:
    """The possible matchings of arrays that are in the network's order but have lost their names.

    Among arrays of the same kind and shape the first belongs to the first variable. That leaves
    one doubt: in the first unit, projection and last convolution have the same shape, and writers
    differ in which comes first.

    Args:
        arrays: in an order in which blocks, units and parts follow each other.
        shapes: canonical name -> shape of the network's variables; a head is optional.

    Returns:
        One matching, two, or none if the numbers of arrays differ.
    """
    biases = [array.value.shape for array in arrays if array.leaf == "bias"]
    if len(biases) > 1:
        return []
    wanted = {name: shape for name, shape in shapes.items() if not name.startswith("head/")}
    order = sorted(wanted, key=_rank)
    if biases:
        features = shapes["group_norm/gamma"][0]
        wanted |= {HEAD_KERNEL: (features, *biases[0]), HEAD_BIAS: biases[0]}
        order += [HEAD_KERNEL, HEAD_BIAS]
    projection_last = sorted(order[: len(order) - 2 * len(biases)], key=_rank_projection_last)
    projection_last += order[len(projection_last) :]

    matchings: list[dict[str, np.ndarray]] = []
    for names in (projection_last, order):
        matching = _zip_by_kind(arrays, names, wanted)
        if matching and not any(same(matching, other) for other in matchings):
            matchings.append(matching)
    return matchings


def differences(
    weights: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> str | None:
    """What keeps `weights` from filling variables of these shapes exactly; None if nothing does."""
    complaints = []
    if missing := [f"{name} {shapes[name]}" for name in shapes if name not in weights]:
        complaints.append(f"{len(missing)} missing: {_listed(missing)}")
    if surplus := [f"{name} {weights[name].shape}" for name in weights if name not in shapes]:
        complaints.append(f"{len(surplus)} unexpected: {_listed(surplus)}")
    different = [
        f"{name} is {weights[name].shape} instead of {shapes[name]}"
        for name in shapes
        if name in weights and weights[name].shape != shapes[name]
    ]
    if different:
        complaints.append(f"{len(different)} of another shape: {_listed(different)}")
    return "; ".join(complaints) or None


def kind_differences(arrays: Sequence[Array], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """As `differences`, for arrays whose names say no more than kernel, gamma, beta or bias."""
    theirs = Counter(f"{array.leaf} {array.value.shape}" for array in arrays)
    ours = Counter(f"{name.rpartition('/')[2]} {shape}" for name, shape in shapes.items())
    complaints = [
        f"{(more - less).total()} {title}: "
        + _listed([f"{count} x {kind}" for kind, count in (more - less).items()])
        for title, more, less in (("missing", ours, theirs), ("unexpected", theirs, ours))
        if more - less
    ]
    return "; ".join(complaints) or None


def _zip_by_kind(
    arrays: Sequence[Array], names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray] | None:
    projections_are_known = any("proj" in array.name for array in arrays)

    def kind(name: str, shape: tuple[int, ...]) -> tuple[object, ...]:
        leaf = name.removesuffix(":0").rpartition("/")[2]
        if leaf == "kernel" and len(shape) == 4 and shape[:2] == (1, 1):
            # A head may be stored as a 1x1 convolution.
            return (leaf, shape[2:], projections_are_known and "proj" in name)
        return (leaf, shape)

    def wanted_kind(name: str) -> tuple[object, ...]:
        shape = shapes[name]
        return kind(name, (1, 1, *shape) if name == HEAD_KERNEL else shape)

    waiting: dict[tuple[object, ...], list[np.ndarray]] = defaultdict(list)
    for array in reversed(arrays):
        shape = array.value.shape
        is_dense = array.leaf == "kernel" and len(shape) == 2
        waiting[kind(array.name, (1, 1, *shape) if is_dense else shape)].append(array.value)
    matching = {}
    for name in names:
        candidates = waiting[wanted_kind(name)]
        if not candidates:
            return None
        matching[name] = _head_as_dense(name, candidates.pop())
    return None if any(waiting.values()) else matching


def _head_as_dense(name: str, value: np.ndarray) -> np.ndarray:
    is_convolution = name == HEAD_KERNEL and value.ndim == 4 and value.shape[:2] == (1, 1)
    return value[0, 0] if is_convolution else value


def _rank(name: str) -> tuple[object, ...]:
    """Order of creation: root, then by block and unit a, its projection, b, c; the norm last."""
    if match := _UNIT.search(name):
        projection = match["proj"] is not None
        return (1, int(match["block"]), int(match["unit"]), match["part"], projection)
    return (0,) if name.startswith("root_block/") else (2,)


def _rank_projection_last(name: str) -> tuple[object, ...]:
    """The reference's Keras code creates the projection after the parts of its unit."""
    rank = _rank(name)
    return (*rank[:3], "d") if "/proj/" in name else rank


def same(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> bool:
    """Whether two matchings of the same arrays give each name the same one."""
    # The head is last in every order, and a view of its own in each matching.
    return all(left[name] is right[name] for name in left if name != HEAD_KERNEL)


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return ", ".join(items[:LISTED]) + more
