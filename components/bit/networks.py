"""Which network a set of weights belongs to: told by its name, its file's name, or its content."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

from bitpipe.errors import ConfigError, ModelLoadError
from bitpipe.model import description
from components.bit import sources, variants

DEFAULT = "R50x1"  # where nothing tells
_ROOT = "root_block/standardized_conv2d/kernel"
_UNIT = re.compile(r"block([1-4])/unit(\d+)/")


def variant_of(backbone: str | Path, wanted: str | None = None) -> str:
    """The network of a backbone.

    Args:
        backbone: a source of weights (see `components.bit.weights`), or "scratch".
        wanted: what the user named; None leaves it to the backbone.

    Returns:
        A name of `variants.VARIANTS`: what the backbone tells, else `wanted`, else R50x1.

    Raises:
        ConfigError: `wanted` is unknown, or contradicts what the backbone tells.
    """
    named = None if wanted is None else variants.get(wanted).name
    told = _told_by(backbone)
    if named and told and named != told:
        raise ConfigError(
            f"the backbone {backbone} is of {told}. Received: the variant {named}. Leave the "
            "variant out, or name another backbone."
        )
    return told or named or DEFAULT


def outputs_of(backbone: str | Path) -> int | None:
    """The number of outputs of a backbone's own head; None where nothing tells.

    Args:
        backbone: a source of weights (see `components.bit.weights`).
    """
    if known := sources.find(backbone) or sources.find_by_file_name(backbone):
        return known.num_classes
    path = Path(backbone).expanduser()
    described = description.read(str(path)) if path.is_dir() else None
    return len(described.labels) if described else None


def _told_by(backbone: str | Path) -> str | None:
    if known := sources.find(backbone):
        return known.variant
    path = Path(backbone).expanduser()
    if path.suffix.lower() == ".npz" and path.is_file() and (found := _read(path)):
        return found
    if path.is_dir() and (described := _described(path)):
        return described
    known = sources.find_by_file_name(backbone)
    return known.variant if known else None


def _read(path: Path) -> str | None:
    """What a checkpoint's names and shapes say; None where they are those of no variant."""
    import numpy as np  # not at import: a configuration is checked without it

    try:
        # Opened here: of what is no archive, NumPy would leave the file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return of_names(file.files, lambda name: file[name].shape)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None  # which whoever loads it will tell


def _described(path: Path) -> str | None:
    try:
        known = description.read(str(path))
    except (ModelLoadError, OSError):
        return None  # which whoever loads it will tell
    return known.variant if known else None


def of_names(names: Collection[str], shape_of: Callable[[str], tuple[int, ...]]) -> str | None:
    """The variant whose weights have these names; None where it is none, or not one.

    Args:
        names: of all weights, canonical (see `components.bit.matching`) or a checkpoint's.
        shape_of: gives the shape of a name's weights; asked for the root's kernel alone.
    """
    roots = [name for name in names if name.endswith(_ROOT)]
    if len(roots) != 1:
        return None
    units = [0, 0, 0, 0]
    for name in names:
        if unit := _UNIT.search(name):
            block = int(unit[1]) - 1
            units[block] = max(units[block], int(unit[2]))
    channels = shape_of(roots[0])[-1]
    return next(
        (
            variant.name
            for variant in variants.VARIANTS.values()
            if variant.units == tuple(units) and variant.root_channels == channels
        ),
        None,
    )
