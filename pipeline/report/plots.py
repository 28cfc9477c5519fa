"""The drawings of a report as SVG: their colours are the page's, so they follow light and dark.

Our own, because no plotting library is among what TFX brings, and none of those draws what a
theme, a screen reader and a page without scripts can use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from pipeline.report.tables import Confusions

_WIDTH, _HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 38
_CELL = 12  # pixels of a class in the large matrix

Line = tuple[str, Sequence[tuple[float, float]]]


def curve(title: str, lines: Sequence[Line], across: str, up: str) -> Markup:
    """Lines over a common axis, each with its own dashes and, at its end, its name.

    Args:
        title: what a screen reader says of it.
        lines: name and points (x, y) of each, x ascending.
        across: the name of the x axis.
        up: that of the y axis.
    """
    xs = [x for _, points in lines for x, _ in points]
    ys = [y for _, points in lines for _, y in points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))
    to_x = _Scale(x_ticks[0], x_ticks[-1], _LEFT, _WIDTH - _RIGHT)
    to_y = _Scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    drawn = [_axes(x_ticks, y_ticks, to_x, to_y, across, up)]
    for number, (_, points) in enumerate(lines):
        way = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in points)
        if len(points) == 1:
            x, y = points[0]
            drawn.append(
                f'<circle class="line-{number}" cx="{to_x(x):.1f}" cy="{to_y(y):.1f}" r="3"/>'
            )
        else:
            drawn.append(f'<polyline class="line line-{number}" points="{way}"/>')
    legend = "".join(
        f'<li><svg width="28" height="8" aria-hidden="true"><path class="line line-{number}" '
        f'd="M0 4H28"/></svg> {escape(name)}</li>'
        for number, (name, _) in enumerate(lines)
    )
    return Markup(f'{_svg(title, drawn)}<ul class="legend">{legend}</ul>')


def calibration(bins: Sequence[tuple[float, float, int]]) -> Markup:
    """Share of right answers over mean score; the diagonal is where they should be.

    Args:
        bins: mean score, share of right answers and number of pictures of each.
    """
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    to_x = _Scale(0, 1, _LEFT, _WIDTH - _RIGHT)
    to_y = _Scale(0, 1, _HEIGHT - _BOTTOM, _TOP)
    drawn = [_axes(ticks, ticks, to_x, to_y, "score", "share right")]
    drawn.append(
        f'<path class="ideal" d="M{to_x(0):.1f} {to_y(0):.1f}L{to_x(1):.1f} {to_y(1):.1f}"/>'
    )
    largest = max(number for _, _, number in bins)
    for score, accuracy, number in bins:
        radius = 3 + 7 * math.sqrt(number / largest)
        drawn.append(
            f'<circle class="dot" cx="{to_x(score):.1f}" cy="{to_y(accuracy):.1f}" '
            f'r="{radius:.1f}"><title>{number} pictures with a mean score of {score:.3f}: '
            f"{accuracy:.3f} right</title></circle>"
        )
    title = "Calibration: share of right answers over score, a dot per bin of scores"
    return Markup(_svg(title, drawn))


def ranges(rows: Sequence[tuple[str, float, float, float]]) -> Markup:
    """Shares with their intervals, one below the other, on a common scale.

    Args:
        rows: name, low end, share and high end of each.
    """
    height = 22 * len(rows) + 26
    low = math.floor(10 * min(low for _, low, _, _ in rows)) / 10
    to_x = _Scale(low, 1.0 if low < 1 else 1.1, 8, _WIDTH - 14)
    drawn = []
    for tick in _ticks(low, 1.0):
        if low <= tick <= 1.0 + 1e-9:
            x = f"{to_x(tick):.1f}"
            drawn.append(f'<path class="grid" d="M{x} 4V{height - 20}"/>')
            drawn.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle">{tick:g}</text>')
    for number, (name, start, share, end) in enumerate(rows):
        y = 16 + 22 * number
        drawn.append(
            f'<g class="line-{number}"><title>{escape(name)}: {share:.4f}, {start:.4f} to '
            f'{end:.4f}</title><path class="line" d="M{to_x(start):.1f} {y}H{to_x(end):.1f}"/>'
            f'<circle cx="{to_x(share):.1f}" cy="{y}" r="5"/></g>'
        )
    return Markup(_svg("Accuracies with their 95 % intervals", drawn, height=height))


def matrix(found: Confusions) -> Markup:
    """The confusion matrix as coloured cells: a small one, and one with names to scroll in."""
    cells = []
    for y, (label, row) in enumerate(zip(found.labels, found.counts, strict=True)):
        for x, number in enumerate(row):
            if not number:
                continue
            answer, total = found.answers[x], sum(row)
            kind = "right" if label == answer else "wrong"
            words = f"{label} taken for {answer}: {number} of {total}"
            cells.append(
                f'<rect class="{kind}" x="{x}" y="{y}" width="1" height="1" fill-opacity="'
                f'{0.25 + 0.75 * number / total:.2f}"><title>{escape(words)}</title></rect>'
            )
    small = (
        f'<svg class="matrix" viewBox="0 0 {len(found.answers)} {len(found.labels)}" role="img" '
        'aria-label="Confusion matrix: a row per true class, a column per answer">'
        f'<g id="cells">{"".join(cells)}</g></svg>'
    )
    margin = 130
    width, height = (margin + len(names) * _CELL for names in (found.answers, found.labels))
    texts = [
        f'<text x="{margin - 4}" y="{place}" text-anchor="end">{name}</text>'
        for place, name in _placed(found.labels, margin)
    ] + [
        f'<text transform="translate({place} {margin - 4}) rotate(-90)">{name}</text>'
        for place, name in _placed(found.answers, margin)
    ]
    large = (
        f'<svg class="matrix large" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" '
        'role="img" aria-label="The same, with the names of the classes">'
        f'{"".join(texts)}<g transform="translate({margin} {margin}) scale({_CELL})">'
        '<use href="#cells"/></g></svg>'
    )
    return Markup(
        f"{small}<details><summary>Larger, with the names of the classes</summary>"
        '<div class="scroll tall" role="region" tabindex="0" '
        f'aria-label="Confusion matrix with names">{large}</div></details>'
    )


def _placed(names: Sequence[str], margin: int) -> Iterator[tuple[int, Markup]]:
    """Where the names of rows or columns of the large matrix begin, and what is shown of them."""
    for index, name in enumerate(names):
        shown = name if len(name) <= 20 else f"{name[:19]}…"
        yield margin + (index + 1) * _CELL - 3, escape(shown)


def _svg(title: str, drawn: Sequence[str], height: int = _HEIGHT) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(drawn)}</svg>'
    )


class _Scale:
    """Values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._factor = (end - start) / (high - low or 1)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._factor


def _axes(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    to_x: _Scale,
    to_y: _Scale,
    across: str,
    up: str,
) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for tick in y_ticks:
        y = f"{to_y(tick):.1f}"
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{tick:g}</text>')
    for tick in x_ticks:
        parts.append(
            f'<text x="{to_x(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>'
    )
    parts.append(
        f'<text transform="translate(11 {(bottom + _TOP) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(up)}</text>'
    )
    return "".join(parts)


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` or below to `high` or above."""
    if high - low <= 1e-9 * max(1.0, abs(low), abs(high)):
        low, high = min(low, 0.0), max(high, 1.0)
    rough = (high - low) / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
