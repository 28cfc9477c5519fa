"""What was measured, a line a cell, so that a run goes on where it was ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.transfer.cells import Cell

FILE = "results.jsonl"


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
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._found: dict[Cell, Measured] = {}
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                # A killed run may leave half a line: that cell is measured again.
                try:
                    values = json.loads(line)
                except ValueError:
                    continue
                one = Measured(cell=Cell(**values.pop("cell")), **values)
                self._found[one.cell] = one

    def __contains__(self, cell: Cell) -> bool:
        return cell in self._found

    def get(self, cell: Cell) -> Measured | None:
        """What was measured of it."""
        return self._found.get(cell)

    def add(self, measured: Measured) -> None:
        """Keeps it."""
        whole = not self._path.exists() or self._path.read_bytes()[-1:] in (b"\n", b"")
        with self._path.open("a") as file:
            file.write(("" if whole else "\n") + json.dumps(dataclasses.asdict(measured)) + "\n")
        self._found[measured.cell] = measured

    def of(self, kind: str, data: str, method: str) -> list[Measured]:
        """All that was measured of this kind."""
        return [
            one
            for one in self._found.values()
            if (one.cell.kind, one.cell.data, one.cell.method) == (kind, data, method)
        ]

    def best_rate(self, data: str, method: str, rates: Sequence[float]) -> float | None:
        """The rate that did best; `None` until all were tried. Of equals, the gentlest."""
        tried = {one.cell.rate: one.accuracy for one in self.of("rate", data, method)}
        if not set(rates) <= tried.keys():
            return None
        return max(sorted(rates), key=lambda rate: tried[rate])
