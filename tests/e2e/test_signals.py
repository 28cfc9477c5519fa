"""A run ends at once whenever it is told to, pushes nothing after that, and goes on afterwards.

Signals at random moments of each stage: `make test-signals`. A server that has loaded TFX forks a
process for each run, which spares a minute each.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.pictures import write_folder

MOMENTS = int(os.environ.get("MOMENTS") or 0)
SEED = int(os.environ.get("SEED") or time.time())

pytestmark = [
    pytest.mark.signals,
    pytest.mark.e2e,
    pytest.mark.tfx,
    pytest.mark.skipif(not MOMENTS, reason="takes an hour; `make test-signals` runs it"),
]

ROOT = Path(__file__).parents[2]
STAGES = (
    *("ImageExampleGen", "StatisticsGen", "HyperRule", "SchemaGen", "ExampleValidator"),
    *("Transform", "Trainer", "Resolver", "ServingCheck", "Evaluator", "Pusher"),
)
OUT = "interrupted"
# Of the end of a process: whatever its threads were doing, and on a machine that is busy.
AT_ONCE_S = 5.0
LINE = re.compile(r"Interrupted( \(SIGTERM\))?( (before|in|after) .*)?: the same command .*\.")

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
    """One data set, one folder of outputs, and a process for each run."""

    def __init__(self, folder):
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
        self._logs = set((self.folder / OUT / "logs").glob("*.log"))
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
        new = set((self.folder / OUT / "logs").glob("*.log")) - self._logs
        return any(
            "Going to run a new execution" in log.read_text("utf-8", "replace") for log in new
        )

    def result(self):
        return json.loads((self.folder / "output").read_text())

    def served(self, out):
        folder = self.folder / out / "serving" / "smoke"
        return {p.name for p in folder.iterdir() if p.name.isdigit()} if folder.exists() else set()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("signals"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(runs):
    runs.start("undisturbed")
    assert runs.code() == 0, runs.errors.read_text()
    result = runs.result()
    assert tuple(result["stages"]) == STAGES
    return result


@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_ends_the_run_at_once_at_any_moment(runs, undisturbed, stage):
    """In one folder, so that each run goes on where the one before was ended."""
    draw = random.Random(f"{SEED}/{stage}")
    took = undisturbed["stages"][stage]["seconds"]
    for moment in range(MOMENTS):
        number = draw.choice((signal.SIGINT, signal.SIGTERM))
        delay = draw.uniform(0, took)
        process = runs.start(OUT)
        if runs.wait_for(stage, process):
            time.sleep(delay)
        try:
            family = psutil.Process(process).children(recursive=True)
            served = runs.served(OUT)
            sent = time.time()
            os.kill(process, number)
        except (ProcessLookupError, psutil.NoSuchProcess):  # it was faster
            assert runs.code() == 0
            continue
        code = runs.code()
        ended = time.time() - sent
        shown = runs.errors.read_text()
        print(f"{stage} {moment}: {delay:.2f} s, {number.name}, {ended:.2f} s, {shown[-110:]!r}")
        if code == 0:
            continue
        assert code == 128 + number, shown
        assert ended < AT_ONCE_S
        assert LINE.fullmatch(shown.splitlines()[-1]), shown
        assert "Traceback" not in shown
        assert "Error" not in shown
        assert (runs.folder / "output").read_text() == ""
        assert not any(one.is_running() for one in family)
        for version in runs.served(OUT) - served:
            pushed = (runs.folder / OUT / "serving" / "smoke" / version).stat()
            assert pushed.st_ctime < sent + 0.1


def test_the_same_command_ends_as_an_undisturbed_run_does(runs, undisturbed):
    runs.start(OUT)
    assert runs.code() == 0, runs.errors.read_text()
    result = runs.result()
    for key in ("accuracy", "accuracy_by_class", "num_examples", "splits", "classes", "blessed"):
        assert result[key] == undisturbed[key]
    assert len(runs.served(OUT)) == 1
    one, other = (
        next((runs.folder / out / "serving" / "smoke").glob("[0-9]*")) / "variables"
        for out in (OUT, "undisturbed")
    )
    name = "variables.data-00000-of-00001"
    assert (one / name).read_bytes() == (other / name).read_bytes()
    assert not list(runs.temporary.glob("bitpipe-run-*"))
