"""The ingest against a plain loop: `python -m benchmarks.ingest`, or `make bench-ingest`."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click

from benchmarks.ingest import data, markdown
from benchmarks.kit import machine
from benchmarks.kit.project import ROOT, BenchmarkError

_NEW_SHARE = 0.01
_ARCHIVES = ROOT.parent / "shared" / "data"


@click.command()
@click.option(
    "--archives",
    type=click.Path(path_type=Path),
    default=_ARCHIVES,
    help=f"Folder of {data.CIFAR} and {data.FLOWERS}.",
)
@click.option("--small", default=60_000, show_default=True, help="Small pictures.")
@click.option("--photographs", default=3_670, show_default=True, help="Photographs.")
@click.option("--rounds", default=1, show_default=True, help="Turns of all contenders.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Where to work; else in /tmp.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures there.")
@click.option("--markdown", "page", type=click.Path(path_type=Path), help="Write the page there.")
def main(
    archives: Path,
    small: int,
    photographs: int,
    rounds: int,
    scratch: Path | None,
    json_path: Path | None,
    page: Path | None,
) -> None:
    """Measures the ingest, the night after it, and what reads its examples."""
    with tempfile.TemporaryDirectory(prefix="bench-ingest-", dir=scratch) as folder:
        root = Path(folder)
        sets = {
            "CIFAR-10, 32 px": data.small(archives / data.CIFAR, root / "small", small),
            "tf_flowers, 160 px": data.photographs(
                archives / data.FLOWERS, root / "photographs", photographs
            ),
        }
        figures = {
            name: _measured(name, path, root / "work", rounds) for name, path in sets.items()
        }
    found = {
        "machine": machine.describe(),
        "date": f"{datetime.date.today()}",
        "command": f"make bench-ingest ARGS={' '.join(sys.argv[1:])!r}",
        "sets": figures,
    }
    if json_path:
        json_path.write_text(json.dumps(found, indent=2) + "\n")
    text = markdown.page(found)
    if page:
        page.write_text(text)
    click.echo(text)


def _measured(name: str, pictures: Path, work: Path, rounds: int) -> dict[str, float]:
    """Medians of all rounds, in which contenders take turns."""
    all_found: list[dict[str, float]] = []
    for number in range(rounds):
        held_back = data.hold_back(pictures, work / "aside", _NEW_SHARE)
        added = json.dumps([[str(path) for path in pair] for pair in held_back])
        # Half before the ingest and half after it: a machine's speed changes within minutes.
        found = Counter(_asked(name, "plain", pictures, work / "plain", 0))
        facts: dict[str, float] = {}
        order = (1, 2) if number % 2 == 0 else (2, 1)
        for workers in order:
            # The one of one process goes on to the next night, which brings back what was moved.
            last = added if workers == 1 else "null"
            asked = _asked(name, "ingest", pictures, work / f"out-{workers}", workers, last)
            facts |= {f"{key}_{workers}": value for key, value in asked.items()}
            if workers == 1:
                for place, path in held_back:  # away again: the same pictures for all
                    path.rename(place)
                found.update(_asked(name, "plain", pictures, work / "plain", 1))
        for place, path in held_back:
            place.rename(path)
        all_found.append({**found, **facts})
        shutil.rmtree(work)
    return {key: statistics.median(one[key] for one in all_found) for key in all_found[0]}


def _asked(name: str, task: str, *arguments: object) -> dict[str, Any]:
    click.echo(f"{name}: {task} {arguments[2] if len(arguments) > 2 else ''}", err=True)
    command = [sys.executable, "-m", "benchmarks.ingest.worker", task, *map(str, arguments)]
    # Nobody shall find what another one has read.
    environment = {**os.environ, "BITPIPE_CACHE": f"{arguments[1]}-cache"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise BenchmarkError(f"{task} of {name} ended with code {done.returncode}: {last}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
