"""Accuracies as lines with a band around them: SVG files that follow light and dark."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from markupsafe import escape

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 18, 62, 50
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
# Told apart by people who see fewer colours (Okabe and Ito), on a light ground and on a dark one.
_STYLE = """
svg { --ink: #24292f; --grid: #d8dee4; --0: #0072b2; --1: #c04a00; --2: #007a5a; --3: #8a4b78 }
@media (prefers-color-scheme: dark) {
  svg { --ink: #d0d7de; --grid: #3d444d; --0: #56b4e9; --1: #f0883e; --2: #3fcf9f; --3: #d992bf }
}
text { fill: var(--ink); font: 13px system-ui, sans-serif }
.title { font-weight: 600; font-size: 15px }
.grid { stroke: var(--grid); fill: none }
.line { fill: none; stroke-width: 2.2 }
.band { opacity: 0.2; stroke: none }
"""

# x, and the lowest, median and highest y.
Point = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Line:
    """One method.

    Attributes:
        name: in the legend.
        points: x ascending; y 0 to 1.
    """

    name: str
    points: Sequence[Point]


def draw(
    title: str,
    lines: Sequence[Line],
    *,
    across: str,
    ticks: Sequence[tuple[float, str]],
    logarithmic: bool,
) -> str:
    """An SVG file: a line per method through its medians, in a band from minimum to maximum.

    Args:
        title: above it, and what a screen reader says of it.
        lines: at most four, with a point in all.
        across: the name of the x axis; the y axis is accuracy in percent.
        ticks: places on the x axis with their texts.
        logarithmic: whether the x axis is; then all x are above 0.
    """
    place: Callable[[float], float] = math.log if logarithmic else float
    xs = [place(x) for x, _ in ticks] + [place(p[0]) for line in lines for p in line.points]
    first, last = min(xs), max(xs)
    lowest = min(point[1] for line in lines for point in line.points)
    floor = math.floor(10 * lowest) / 10

    def to_x(x: float) -> float:
        return _LEFT + (place(x) - first) / ((last - first) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def to_y(y: float) -> float:
        return _HEIGHT - _BOTTOM - (y - floor) / (1 - floor) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [_axes(floor, ticks, to_x, to_y, across)]
    for number, line in enumerate(lines):
        upper = [f"{to_x(x):.1f},{to_y(high):.1f}" for x, _, _, high in line.points]
        lower = [f"{to_x(x):.1f},{to_y(low):.1f}" for x, low, _, _ in line.points]
        way = " ".join(f"{to_x(x):.1f},{to_y(middle):.1f}" for x, _, middle, _ in line.points)
        around, colour = " ".join(upper + lower[::-1]), f"var(--{number})"
        parts.append(
            f'<polygon class="band" style="fill: {colour}" points="{around}"/>'
            f'<polyline class="line" style="stroke: {colour}" '
            f'stroke-dasharray="{_DASHES[number]}" points="{way}"/>'
        )
        for x, low, middle, high in line.points:
            parts.append(
                f'<circle style="fill: {colour}" cx="{to_x(x):.1f}" cy="{to_y(middle):.1f}" '
                f'r="3.5"><title>'
                f"{escape(line.name)} at {x:g}: {middle:.3f} ({low:.3f} to {high:.3f})"
                "</title></circle>"
            )
    parts.append(_legend([line.name for line in lines]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<text class="title" x="{_LEFT}" y="22">{escape(title)}</text>'
        f"{''.join(parts)}</svg>\n"
    )


def _axes(
    floor: float,
    ticks: Sequence[tuple[float, str]],
    to_x: Callable[[float], float],
    to_y: Callable[[float], float],
    across: str,
) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for tenth in range(round(10 * floor), 11):
        y = f"{to_y(tenth / 10):.1f}"
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{10 * tenth}</text>')
    for x, text in ticks:
        parts.append(f'<path class="grid" d="M{to_x(x):.1f} {bottom}v5"/>')
        parts.append(
            f'<text x="{to_x(x):.1f}" y="{bottom + 19}" text-anchor="middle">{escape(text)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    )
    parts.append(
        f'<text transform="translate(16 {(bottom + _TOP) / 2}) rotate(-90)" text-anchor="middle">'
        "accuracy, %</text>"
    )
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts = []
    x = float(_LEFT)
    for number, name in enumerate(names):
        parts.append(
            f'<path class="line" style="stroke: var(--{number})" '
            f'stroke-dasharray="{_DASHES[number]}" d="M{x:.0f} 42h26"/>'
            f'<text x="{x + 32:.0f}" y="46">{escape(name)}</text>'
        )
        x += 52 + 7.2 * len(name)
    return "".join(parts)
