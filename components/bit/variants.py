"""The ResNet-v2 sizes of BiT: the six released ones, and four small enough for a laptop."""

import dataclasses
import difflib
import math

from bitpipe.errors import ConfigError

GROUPS = 32  # arXiv:1912.11370, section 3.2: group normalisation with 32 groups


@dataclasses.dataclass(frozen=True)
class Variant:
    """Depth and width of one network.

    Attributes:
        name: `R{depth}x{width_factor}`.
        units: bottleneck units in each of the four blocks.
        width_factor: multiplies every channel count.

    Raises:
        ConfigError: a channel count is not a whole multiple of the 32 groups.
    """

    name: str
    units: tuple[int, int, int, int]
    width_factor: float

    def __post_init__(self) -> None:
        root = 64 * self.width_factor
        # All other channel counts are the root's times a power of two.
        if root < GROUPS or root % GROUPS:
            raise ConfigError(
                f"{self.name}: 64 * width_factor must be a multiple of the {GROUPS} groups. "
                f"Received: width_factor={self.width_factor}. Use a multiple of 0.5."
            )
        if len(self.units) != 4 or min(self.units) < 1:
            raise ConfigError(
                f"{self.name}: units must be four counts of at least 1. Received: {self.units}."
            )

    @property
    def depth(self) -> int:
        """Weight layers: three convolutions a unit, the root and the head."""
        return 3 * sum(self.units) + 2

    @property
    def root_channels(self) -> int:
        """Channels after the root convolution."""
        return int(64 * self.width_factor)

    @property
    def bottleneck_channels(self) -> tuple[int, int, int, int]:
        """Channels inside the units of each block; a unit's output has four times as many."""
        root = self.root_channels
        return (root, 2 * root, 4 * root, 8 * root)

    @property
    def features(self) -> int:
        """Channels after global pooling."""
        return 4 * self.bottleneck_channels[-1]

    def multiplications(self, side: int) -> int:
        """Of numbers by kernels, in the forward pass of a picture (side, side, 3)."""
        side = math.ceil(side / 2)
        total = side**2 * 7 * 7 * 3 * self.root_channels
        side = math.ceil(side / 2)
        inputs = self.root_channels
        for block, (units, inner) in enumerate(
            zip(self.units, self.bottleneck_channels, strict=True)
        ):
            for unit in range(units):
                strided = math.ceil(side / 2) if block and not unit else side
                total += side**2 * inputs * inner
                total += strided**2 * inner * (9 * inner + 4 * inner)
                if not unit:
                    total += strided**2 * inputs * 4 * inner
                inputs, side = 4 * inner, strided
        return total


VARIANTS = {
    variant.name: variant
    for variant in (
        # Released: NUM_UNITS of google-research/big_transfer.
        Variant("R50x1", (3, 4, 6, 3), 1),
        Variant("R50x3", (3, 4, 6, 3), 3),
        Variant("R101x1", (3, 4, 23, 3), 1),
        Variant("R101x3", (3, 4, 23, 3), 3),
        Variant("R152x2", (3, 8, 36, 3), 2),
        Variant("R152x4", (3, 8, 36, 3), 4),
        # Ours, to be trained from scratch: same rules, a fraction of the work.
        Variant("R14x0.5", (1, 1, 1, 1), 0.5),
        Variant("R14x1", (1, 1, 1, 1), 1),
        Variant("R26x0.5", (2, 2, 2, 2), 0.5),
        Variant("R26x1", (2, 2, 2, 2), 1),
    )
}


def get(name: str) -> Variant:
    """The variant called `name`; upper and lower case are the same.

    Raises:
        ConfigError: there is no such variant.
    """
    by_folded_name = {known.casefold(): variant for known, variant in VARIANTS.items()}
    variant = by_folded_name.get(name.casefold())
    if variant is None:
        close = difflib.get_close_matches(name.casefold(), by_folded_name, n=1)
        hint = f"; did you mean {by_folded_name[close[0]].name!r}?" if close else "."
        raise ConfigError(f"unknown variant {name!r}{hint} Known: {', '.join(VARIANTS)}.")
    return variant
