"""Learning rate and picture size by the number of pictures seen.

Warm-up, stable, decay rather than one cosine: a cosine must know its end from the start, and this
training runs in the idle hours of a machine, in sessions that nobody can count beforehand. At any
moment a copy of the checkpoint is cooled down in some minutes and is as good as a schedule planned
to end there (arXiv:2405.18392), while the uncooled one goes on.
"""

from __future__ import annotations

import dataclasses
import math

from bitpipe.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Schedule:
    """All counts are pictures seen since the first step.

    Attributes:
        rate: the stable learning rate.
        warmup: over how many it rises linearly from 0.
        sizes: (side in pixels, until when), ascending; the last one stays for good.
        cooldown_start: when the rate begins to fall; None while the end is open.
        cooldown: over how many it falls to 0; there training ends.
        cooldown_size: side in pixels meanwhile.

    Raises:
        ConfigError: the sizes' ends do not ascend, or a cool-down has no length.
    """

    rate: float
    warmup: int
    sizes: tuple[tuple[int, int], ...]
    cooldown_start: int | None = None
    cooldown: int = 0
    cooldown_size: int = 0

    def __post_init__(self) -> None:
        ends = [end for _, end in self.sizes]
        if not ends or ends != sorted(set(ends)):
            raise ConfigError(f"sizes must have ascending ends. Received: {self.sizes}.")
        if self.cooldown_start is not None and (self.cooldown < 1 or self.cooldown_size < 1):
            raise ConfigError(
                "a cool-down needs a length and a picture size. Received: "
                f"{self.cooldown} and {self.cooldown_size}."
            )

    def rate_at(self, seen: int) -> float:
        """The learning rate of the step before which `seen` pictures were seen."""
        rate = self.rate * min(1, (seen + 1) / max(1, self.warmup))
        if self.cooldown_start is None or seen < self.cooldown_start:
            return rate
        # 1 - sqrt falls fast at first; linear and cosine end a little worse in that paper.
        return rate * max(0, 1 - math.sqrt((seen - self.cooldown_start) / self.cooldown))

    def size_at(self, seen: int) -> int:
        """The pictures' side in pixels at that step."""
        if self.cooldown_start is not None and seen >= self.cooldown_start:
            return self.cooldown_size
        return next((size for size, end in self.sizes if seen < end), self.sizes[-1][0])

    @property
    def end(self) -> int | None:
        """How many are seen in all; None while the end is open."""
        return None if self.cooldown_start is None else self.cooldown_start + self.cooldown

    def cooling(self, seen: int, pictures: int, size: int) -> Schedule:
        """This schedule, falling to 0 from `seen` on over `pictures` of `size` pixels."""
        return dataclasses.replace(self, cooldown_start=seen, cooldown=pictures, cooldown_size=size)
