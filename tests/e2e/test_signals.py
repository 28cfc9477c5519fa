"""A run ends at once whenever it is told to, pushes nothing after that, and goes on afterwards.

So it does when it is killed. Signals at random moments of each stage: `make test-signals`.
"""

import os
import random
import re
import signal
import time

import psutil
import pytest

from tests.e2e.forked import ALIKE, STAGES, Runs

MOMENTS = int(os.environ.get("MOMENTS") or 0)
SEED = int(os.environ.get("SEED") or time.time())

pytestmark = [
    pytest.mark.signals,
    pytest.mark.e2e,
    pytest.mark.tfx,
    pytest.mark.skipif(not MOMENTS, reason="takes an hour; `make test-signals` runs it"),
]

OUT = "interrupted"
# By turns, so that each stage meets the first one however few moments there are.
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
# Of the end of a process: whatever its threads were doing, and on a machine that is busy.
AT_ONCE_S = 5.0
LINE = re.compile(r"Interrupted( \(SIGTERM\))?( (before|in|after) .*)?: the same command .*\.")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("signals"), OUT)
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
        number = SIGNALS[moment % len(SIGNALS)]
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
        assert ended < AT_ONCE_S
        if number == signal.SIGKILL:
            assert code == -number, shown
            psutil.wait_procs(family, timeout=AT_ONCE_S)
        else:
            assert code == 128 + number, shown
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
    assert [result[key] for key in ALIKE] == [undisturbed[key] for key in ALIKE]
    assert runs.weights(OUT) == runs.weights("undisturbed")
    assert not list(runs.temporary.glob("bitpipe-run-*"))
