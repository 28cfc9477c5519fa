"""Programs run in processes forked from one that has imported what they need.

TensorFlow takes ten seconds to import and TFX more. Each program is spared them, and is a process
of its own all the same: it ends as it wants, has an environment of its own and can be killed.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Answers a list, what to start, with the process's id, and [id, seconds] with its exit code; one
# that takes longer is killed.
_PARENT = """
import importlib, json, os, runpy, signal, sys, time
import tests  # before IPython, which TFX imports, puts a package of this name into the way

for name in sys.argv[1:]:
    importlib.import_module(name)
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if len(order) == 2:
        process, seconds = order
        limit = time.monotonic() + seconds
        while not (ended := os.waitpid(process, os.WNOHANG))[0]:
            if time.monotonic() > limit:
                os.killpg(process, signal.SIGKILL)
                ended = os.waitpid(process, 0)
                break
            time.sleep(0.02)
        print(os.waitstatus_to_exitcode(ended[1]), flush=True)
        continue
    module, arguments, environment, folder, output, errors = order
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    os.setsid()
    for descriptor, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()
"""


class Parent:
    """The process that has imported; see `parent`."""

    def __init__(self, process):
        self._process = process
        assert process.stdout.readline() == "ready\n"

    def start(self, module, *arguments, output, errors=None, environment=None, folder=ROOT):
        """Starts `python -m module arguments`, whose streams go to the end of files; its id."""
        words = [str(argument) for argument in arguments]
        streams = [str(output), str(errors or output)]
        return self._answer([module, words, dict(environment or {}), str(folder), *streams])

    def wait(self, process, seconds=300):
        """The exit code, negative for a signal."""
        return self._answer([process, seconds])

    def run(self, module, *arguments, **how):
        """The exit code of a program, run to its end."""
        return self.wait(self.start(module, *arguments, **how))

    def _answer(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def parent(*modules):
    """A process that has imported these modules, for children that may be in any folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        yield Parent(process)
        process.stdin.close()
