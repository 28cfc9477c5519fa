"""What was measured, a line a cell, so that a run goes on where it was ended.

The lines lie in the cache, and beside the page as well: hours of measuring outlive the machine.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from benchmarks.transfer import cells
from benchmarks.transfer.cells import Cell

FILE = "results.jsonl"
PUBLISHED = "transfer.jsonl"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A cell's outcome.

    Attributes:
        cell: what was trained.
        accuracy: 0 to 1, of the judged pictures; where a rate was tried, of unused training ones.
        seconds: of training and judging, on a machine that may be shared.
        facts: steps, size, rate and number of pictures; of a curve, its points.
    """

    cell: Cell
    accuracy: float
    seconds: float
    facts: dict[str, Any]


class Results:
    """All cells that were measured, in a file.

    Args:
        folder: the cache; made where it is missing.
        weights: names the backbone; what another one reached is not read.
        docs: the page's folder; what lies there as `PUBLISHED` was measured as well.
    """

    def __init__(self, folder: Path, weights: str, docs: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._weights = weights
        self._found: dict[Cell, Measured] = {}
        for path in (docs and docs / PUBLISHED, self._path):
            if path and path.exists():
                self._read(path)

    def _read(self, path: Path) -> None:
        for line in path.read_text().splitlines():
            # A killed run may leave half a line: that cell is measured again.
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if values.pop("weights", None) != self._weights:
                continue
            one = Measured(cell=Cell(**values.pop("cell")), **values)
            self._found[one.cell] = one

    def __contains__(self, cell: Cell) -> bool:
        """Whether it was measured, and at the rate that now counts as the best."""
        found = self._found.get(cell)
        if found is None:
            return False
        return not cells.tried_for(cell) or found.facts["rate"] == self.rate_for(cell)

    def get(self, cell: Cell) -> Measured | None:
        """What was measured of it."""
        return self._found.get(cell)

    def add(self, measured: Measured) -> None:
        """Keeps it."""
        whole = not self._path.exists() or self._path.read_bytes()[-1:] in (b"\n", b"")
        with self._path.open("a") as file:
            file.write(("" if whole else "\n") + self._line(measured))
        self._found[measured.cell] = measured

    def publish(self, docs: Path) -> None:
        """Writes all of them beside the page, in an order of their own."""
        lines = sorted(map(self._line, self._found.values()))
        (docs / PUBLISHED).write_text("".join(lines))

    def _line(self, measured: Measured) -> str:
        return json.dumps({"weights": self._weights} | dataclasses.asdict(measured)) + "\n"

    def of(self, kind: str, data: str, method: str) -> list[Measured]:
        """All that was measured of this kind."""
        return [
            one
            for one in self._found.values()
            if (one.cell.kind, one.cell.data, one.cell.method) == (kind, data, method)
            and one.cell in self
        ]

    def rate_for(self, cell: Cell) -> float | None:
        """The rate to train it at: its own, or the best of those that were tried for it.

        Of equals the gentlest; `None` where not all were tried yet, or where it needs none.
        """
        if cell.rate is not None:
            return cell.rate
        tried = [self._found.get(one) for one in cells.tried_for(cell)]
        known = [one for one in tried if one is not None]
        if not tried or len(known) < len(tried):
            return None
        return max(
            sorted(known, key=lambda one: one.cell.rate or 0.0), key=lambda one: one.accuracy
        ).cell.rate
