"""Runs `bitpipe run` in this process and holds what came of it."""

import dataclasses
import json
import os
from pathlib import Path

from click.testing import CliRunner

from tests.pictures import picture


@dataclasses.dataclass(frozen=True)
class Run:
    """How `bitpipe run --json` ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self):
        return json.loads(self.stdout.splitlines()[-1])

    @property
    def cached(self):
        return {name for name, stage in self.result["stages"].items() if stage["cached"]}


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """A data folder and the folder of its runs."""

    data: Path
    out: Path

    def run(self, *overrides, command="run"):
        from pipeline.cli import cli

        arguments = [command, "--config", "smoke", "--json", "--data", self.data, "--out", self.out]
        for override in overrides:
            arguments += ["--set", override]
        done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Run(done.exit_code, done.stdout, done.stderr)

    @property
    def served(self):
        """Version folders that a server sees, oldest first."""
        folder = self.out / "serving" / "smoke"
        names = [path.name for path in folder.iterdir()] if folder.exists() else []
        return sorted(int(name) for name in names if name.isdigit())


CORRUPT = {
    "red/cut.png": picture("red", size=(64, 64), noise=90)[:-2000],
    "blue/empty.jpg": b"",
    "green/note.png": b"This is a shopping list.",
    os.fsdecode(b"blue/caf\xe9.png"): b"named on a Latin-1 machine",
}
