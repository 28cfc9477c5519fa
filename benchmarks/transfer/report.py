"""Writes docs/transfer.md and its figures from what was measured, and says what was not."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.transfer import cells, figure
from benchmarks.transfer.cells import METHODS, SAME_SIZE, SCRATCH, Cell
from benchmarks.transfer.datasets import DATA, DataSet
from benchmarks.transfer.results import Results
from bitpipe.wording import counted
from components.training.method import BOTH, FINE_TUNE, PROBE

NAMES = {
    PROBE: "probe",
    SAME_SIZE: "probe, same size",
    BOTH: "probe, all, probe",
    FINE_TUNE: "fine-tuning",
    SCRATCH: "from scratch",
}
# The post's second claim: most of the final accuracy within so many steps.
_EARLY_STEPS = 20

_HEAD = """# Transfer: how far bit-mini's weights carry

Written by the script, all of it: `make bench-transfer DATA=dir CACHE=dir`, from the runs in
[transfer.jsonl](transfer.jsonl). What that file or CACHE holds is not measured again, so an ended
run goes on with the same command. {machine}; {date}.

Each row holds the median of {seeds} seeds, which draw the pictures and their order, with minimum
and maximum, of the pictures that are judged. Figures in the style of the first one of
[BiT's blog post](https://blog.tensorflow.org/2020/05/bigtransfer-bit-state-of-art-transfer-learning-computer-vision.html).

| method | what is trained | budget |
| --- | --- | --- |
| `probe` | a head on frozen features of [bit-mini](bit-mini.md) | 500 steps of 512 features |
| the same at the same size | as small pictures as the following get | 500 steps of 512 features |
| `probe_then_fine_tune` | the head, all weights (small pictures), the head again | {budget} |
| `fine_tune` | all of the network at once, on small pictures | the same |
| from scratch | the same network (R26x0.5) without pre-training | the same |

Whole networks get an equal budget for the sake of time, and it is small: more of it helps the
network from scratch most ([0.66](bit-mini.md#how-good-it-is) on tf_flowers with many passes).
A head needs one pass, so it can afford larger pictures (`train.eval_size`), and so are those that
its network is judged by; how much of its lead is their size, the probe at the same size tells.
Rates were chosen for each method at {rate_shots} pictures a class, by training pictures that the
draw left over, never by those that are judged: see [below](#rates). Training, features, split and
preprocessing are the product's own functions; only TFX is left out.
"""


def write(results: Results, folder: Path, machine: str, date: datetime.date) -> None:
    """Writes the page and a figure per data set with several counts of pictures.

    Args:
        results: as far as there are any.
        folder: for `transfer.md`, `transfer-*.svg` and `transfer.jsonl`.
        machine: what the figures belong to.
        date: of the page.
    """
    parts = [
        _HEAD.format(
            machine=machine,
            date=date.isoformat(),
            seeds=cells.SEEDS,
            budget=f"{cells.PASSES} passes in batches of {cells.BATCH}, at least "
            f"{cells.LEAST_STEPS} steps",
            rate_shots=cells.RATE_SHOTS,
        ),
        *(_section(results, data, folder) for data in DATA.values()),
        _steps(results, folder),
        _halved(results),
        _rates(results),
        _missing(results),
    ]
    (folder / "transfer.md").write_text("\n".join(part for part in parts if part))
    results.publish(folder)


def _section(results: Results, data: DataSet, folder: Path) -> str:
    lines = [
        f"## {data.name}\n",
        f"Split: {data.split}. Features for heads at {data.probe_size} px, whole networks "
        f"trained at {data.train_size} px.\n",
    ]
    drawn = _lines(results, data)
    if len(data.shots) > 1 and drawn:
        file = f"transfer-{data.name}.svg"
        shown = {_across(results, data, shots): shots for shots in data.shots}
        (folder / file).write_text(
            figure.draw(
                f"{data.name}: accuracy over pictures per class",
                drawn,
                across="pictures per class to learn from (logarithmic)",
                ticks=[
                    (x, "all" if shots is None else str(shots)) for x, shots in shown.items() if x
                ],
                logarithmic=True,
            )
        )
        lines.append(f"![Accuracy over pictures per class]({file})\n")
    lines += _table(
        ("a class", *(NAMES[method] for method in METHODS)),
        (
            ("all" if shots is None else str(shots), *_row(results, data, shots))
            for shots in data.shots
        ),
    )
    return "\n".join(lines) + "\n"


def _row(results: Results, data: DataSet, shots: int | None) -> Iterator[str]:
    for method in METHODS:
        found = _accuracies(results, data.name, method, shots)
        if not found:
            yield "not measured"
            continue
        short = "" if len(found) == cells.SEEDS else f", {len(found)} of {cells.SEEDS} seeds"
        yield (
            f"{statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f}{short})"
            if len(found) > 1
            else f"{found[0]:.3f} (1 of {cells.SEEDS} seeds)"
        )


def _accuracies(results: Results, data: str, method: str, shots: int | None) -> list[float]:
    found = results.of("accuracy", data, method)
    return [one.accuracy for one in found if one.cell.shots == shots]


def _across(results: Results, data: DataSet, shots: int | None) -> float | None:
    """Pictures a class; of all, their mean; `None` where nothing was measured of all."""
    if shots is not None:
        return float(shots)
    found = [
        one.facts["pictures"]
        for method in METHODS
        for one in results.of("accuracy", data.name, method)
        if one.cell.shots is None
    ]
    return found[0] / data.classes if found else None


def _lines(results: Results, data: DataSet) -> list[figure.Line]:
    lines = []
    for method in METHODS:
        if method == SAME_SIZE:
            continue
        points = []
        for shots in data.shots:
            found = _accuracies(results, data.name, method, shots)
            x = _across(results, data, shots)
            if found and x:
                points.append((x, min(found), statistics.median(found), max(found)))
        if points:
            lines.append(figure.Line(NAMES[method], points))
    return lines


def _steps(results: Results, folder: Path) -> str:
    lines, said = [], []
    for method in (FINE_TUNE, SCRATCH):
        found = results.of("curve", "tf_flowers", method)
        if not found:
            continue
        curves = [dict(one.facts["curve"]) for one in found]
        middle = {step: statistics.median(one[step] for one in curves) for step in curves[0]}
        points = [
            (step, min(one[step] for one in curves), value, max(one[step] for one in curves))
            for step, value in middle.items()
        ]
        lines.append(figure.Line(NAMES[method], points))
        early, last = middle[_EARLY_STEPS], middle[max(middle)]
        share = f": {early / last:.0%}" if early < last else ""
        said.append(
            f"{NAMES[method]} ({len(found)} of {cells.SEEDS} seeds, "
            f"rate {found[0].facts['rate']:g}) {early:.3f} after {_EARLY_STEPS} steps, "
            f"{last:.3f} after {max(middle)}{share}"
        )
    if not lines:
        return ""
    (folder / "transfer-steps.svg").write_text(
        figure.draw(
            "tf_flowers: accuracy over steps, all pictures",
            lines,
            across=f"optimiser steps of {cells.CURVE_BATCH} pictures",
            ticks=[(step, str(step)) for step in range(0, cells.CURVE_STEPS + 1, 10)],
            logarithmic=False,
        )
    )
    return (
        "## Most of it within 20 steps\n\nThe post's second claim. The whole network from a head "
        f"of zeros, batches of {cells.CURVE_BATCH} at {DATA['tf_flowers'].train_size} px, the "
        "HyperRule's schedule squeezed into so many steps: its rate falls by ten after 40, 60 and "
        "80 percent.\n\n![Accuracy over steps](transfer-steps.svg)\n\n"
        + "".join(f"- {sentence}\n" for sentence in said)
    )


def _halved(results: Results) -> str:
    """Whether half of the error from scratch is gone, as is hoped for with few pictures."""
    rows = []
    for name in ("tf_flowers", "cifar10"):
        for shots in (one for one in DATA[name].shots if one and one <= cells.RATE_SHOTS):
            scratch = _accuracies(results, name, SCRATCH, shots)
            others = {
                method: statistics.median(found)
                for method in METHODS
                if method != SCRATCH and (found := _accuracies(results, name, method, shots))
            }
            if not scratch or not others:
                continue
            best = max(others, key=others.__getitem__)
            before, after = 1 - statistics.median(scratch), 1 - others[best]
            rows.append(
                (
                    *(name, str(shots), f"{before:.3f}", f"{after:.3f} ({NAMES[best]})"),
                    f"{1 - after / before:.0%}",
                    "yes" if after <= before / 2 else "NO",
                )
            )
    if not rows:
        return ""
    heads = ("data", "a class", "error from scratch", "error of the best", "gone", "half of it")
    return "\n".join(["## Half of the error gone?\n", *_table(heads, rows)]) + "\n"


def _rates(results: Results) -> str:
    wanted = [
        Cell("accuracy", name, method, cells.RATE_SHOTS, 0)
        for name in DATA
        if name not in cells.RATES_OF
        for method in cells.RATES
    ] + [Cell("curve", "tf_flowers", method, None, 0) for method in cells.CURVE_RATES]
    rows = []
    for cell in wanted:
        tried = [found for one in cells.tried_for(cell) if (found := results.get(one))]
        if tried:
            best = results.rate_for(cell)
            rows.append(
                (
                    cell.data + (", over steps" if cell.of_curve else ""),
                    NAMES[cell.method],
                    ", ".join(f"{one.cell.rate:g}: {one.accuracy:.3f}" for one in tried),
                    "not all tried" if best is None else f"{best:g}",
                )
            )
    text = (
        f"## Rates\n\nPeak rate at a batch of {cells.BATCH}, over steps of {cells.CURVE_BATCH}: "
        "accuracy on up to 500 unused training pictures, "
        f"{cells.RATE_SHOTS} a class, over steps {cells.CURVE_RATE_SHOTS}, one seed. "
        + " ".join(f"{one} takes those of {other}." for one, other in cells.RATES_OF.items())
    )
    if not rows:
        return f"{text}\n\nNone has been tried yet.\n"
    return "\n".join([text + "\n", *_table(("data", "method", "tried", "taken"), rows)]) + "\n"


def _missing(results: Results) -> str:
    lacking = list(dict.fromkeys(cell for cell in cells.grid(list(DATA)) if cell not in results))
    text = "## Not measured yet\n\n"
    if not lacking:
        return text + "Nothing: all cells are there.\n"
    seeds: dict[tuple, int] = {}
    for cell in lacking:
        key = (cell.data, cell.kind, cell.method, cell.shots)
        seeds[key] = seeds.get(key, 0) + 1
    words = {
        "accuracy": "accuracy",
        "rate": "rates",
        "curve": "accuracy over steps",
        "curve_rate": "rates over steps",
    }
    rows = [
        (data, words[kind], NAMES[method], "all" if shots is None else str(shots), str(count))
        for (data, kind, method, shots), count in seeds.items()
    ]
    table = _table(("data", "what", "method", "a class", "runs"), rows)
    return text + f"{counted(len(lacking), 'run')}:\n\n" + "\n".join(table) + "\n"


def _table(heads: Sequence[str], rows: Iterator | Sequence) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
