"""Runs in processes of their own, forked from one that has loaded TFX: it spares each a minute."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.pictures import write_folder

ROOT = Path(__file__).parents[2]
# In the order in which a run shows them.
STAGES = (
    *("ImageExampleGen", "StatisticsGen", "HyperRule", "SchemaGen", "ExampleValidator"),
    *("Transform", "Trainer", "Resolver", "ServingCheck", "Evaluator", "Pusher"),
)
# What two runs that ended alike have in common.
ALIKE = ("accuracy", "accuracy_by_class", "num_examples", "splits", "classes", "blessed")

SERVER = """
import json, os, sys
import pipeline.local, pipeline.launch, pipeline.commands.run, pipeline.terminal.summary
import tfx.components.evaluator.executor, components.trainer, components.gate.executor
import components.image_example_gen.executor, components.image_example_gen.driver
import components.preprocessing, components.release.pusher
from pipeline import cli
print("ready", flush=True)
for line in sys.stdin:
    arguments, output, errors = json.loads(line)
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)
        os.dup2(os.open(errors, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
        sys.argv = ["bitpipe", *arguments]
        cli.main()
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """One data set, folders of outputs, and a process for each run.

    Args:
        folder: for all of it.
        out: name of the folder of outputs whose logs tell how far a run is.
    """

    def __init__(self, folder, out):
        self.out = out
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.data = write_folder(folder / "photos", per_class=20)
        self.errors = folder / "errors"
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
        )
        assert self._server.stdout.readline() == "ready\n"

    def close(self):
        self._server.stdin.close()
        self._server.wait(60)

    def start(self, out, *overrides):
        """Returns the process's id."""
        arguments = ["run", "--config", "smoke", "--json", "--data", str(self.data)]
        arguments += ["--out", str(self.folder / out), "--set", "train.checkpoint_every=5"]
        for override in overrides:
            arguments += ["--set", override]
        self.errors.write_text("")
        self._logs = set((self.folder / self.out / "logs").glob("*.log"))
        order = [arguments, str(self.folder / "output"), str(self.errors)]
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def code(self):
        """Waits for the end of what was started."""
        return int(self._server.stdout.readline())

    def wait_for(self, stage, process):
        """Until the stage before this one has ended; tells whether the run still goes on."""
        before = STAGES.index(stage) - 1
        while True:
            if before < 0 and self.works():
                return True
            if before >= 0 and f" {STAGES[before]} " in self.errors.read_text():
                return True
            if not psutil.pid_exists(process):
                return False
            time.sleep(0.005)

    def works(self):
        """Whether the first stage works; it begins without a line of the display."""
        new = set((self.folder / self.out / "logs").glob("*.log")) - self._logs
        return any(
            "Going to run a new execution" in log.read_text("utf-8", "replace") for log in new
        )

    def result(self):
        return json.loads((self.folder / "output").read_text())

    def served(self, out):
        folder = self.folder / out / "serving" / "smoke"
        return {p.name for p in folder.iterdir() if p.name.isdigit()} if folder.exists() else set()

    def weights(self, out):
        """The bytes of the only model in service."""
        [version] = self.served(out)
        variables = self.folder / out / "serving" / "smoke" / version / "variables"
        return (variables / "variables.data-00000-of-00001").read_bytes()
