"""Runs a compiled pipeline as Kubeflow would, from nothing but its YAML.

Resolves placeholders, orders the tasks, runs each container's command; what a command does is
the caller's (`execute`): a process, or a container.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import re
import subprocess
import time
import uuid

import yaml

_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.path\}\}")
# Kubeflow writes numbers as JSON does.
_WRITE = {"STRING": str, "NUMBER_INTEGER": lambda v: f"{v:d}", "NUMBER_DOUBLE": lambda v: f"{v:g}"}


@dataclasses.dataclass(frozen=True)
class Done:
    """How a task ended."""

    exit_code: int
    log: str
    summary: str
    seconds: float
    report: str = ""


def run(text, folder, execute, *, workers=2, **given):
    """Runs all tasks whose predecessors succeed.

    Args:
        text: of the YAML.
        folder: for what Kubeflow would upload.
        execute: (executor, platform, arguments) -> (exit code, log).
        workers: how many tasks at a time.
        given: parameters of the run.

    Returns:
        What became of the tasks that ran, by name.
    """
    spec, *platforms = yaml.safe_load_all(text)
    assert spec["schemaVersion"] == "2.1.0"
    executors = spec["deploymentSpec"]["executors"]
    platform = {}
    for document in platforms:
        platform |= document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    values = _values(spec["root"]["inputDefinitions"]["parameters"], given)
    run_id = str(uuid.uuid4())
    tasks = spec["root"]["dag"]["tasks"]
    done = {}

    def one(name):
        task = tasks[name]
        component = spec["components"][task["componentRef"]["name"]]
        assert task["cachingOptions"] == {}
        inputs = {}
        for key, source in task["inputs"]["parameters"].items():
            kind = component["inputDefinitions"]["parameters"][key]["parameterType"]
            if "componentInputParameter" in source:
                inputs[key] = _WRITE[kind](values[source["componentInputParameter"]])
            else:
                constant = source["runtimeValue"]["constant"]
                inputs[key] = run_id if constant == "{{$.pipeline_job_uuid}}" else constant
        outputs = {
            key: folder / run_id / name / key for key in component["outputDefinitions"]["artifacts"]
        }
        container = executors[component["executorLabel"]]["container"]
        arguments = [
            _OUTPUT.sub(lambda m: str(outputs[m[1]]), _INPUT.sub(lambda m: inputs[m[1]], argument))
            for argument in [*container["command"], *container["args"]]
        ]
        started = time.monotonic()
        exit_code, log = execute(container, platform[component["executorLabel"]], arguments)
        # Kubeflow's launcher uploads nothing of a task that failed.
        kept = {
            key: path.read_text() if path.exists() and exit_code == 0 else ""
            for key, path in outputs.items()
        }
        return Done(exit_code, log, seconds=time.monotonic() - started, **kept)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = {}
        while True:
            for name, task in tasks.items():
                ready = all(
                    other in done and done[other].exit_code == 0
                    for other in task.get("dependentTasks", [])
                )
                if ready and name not in done and name not in running.values():
                    running[pool.submit(one, name)] = name
            if not running:
                return done
            finished, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in finished:
                done[running.pop(future)] = future.result()


def as_forks(parent, environment, folder):
    """Runs a container's command as a process, forked by `parent` (see tests/forks.py)."""
    folder.mkdir()

    def execute(container, platform, arguments):
        program, option, module, *rest = arguments
        assert (program, option) == ("python", "-m")
        log = folder / str(uuid.uuid4())
        code = parent.run(
            module,
            *rest,
            output=log,
            environment={
                **environment,
                **{v["name"]: v["value"] for v in container.get("env", [])},
            },
            folder=folder,
        )
        return code, log.read_text(errors="replace")

    return execute


# Answers each line of JSON, [environment, module, arguments], with the module's exit code.
_WORKER = """
import json, os, runpy, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    environment, module, sys.argv[1:] = json.loads(line)
    os.environ.update(environment)
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code or 0
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    print(json.dumps(code), file=answers, flush=True)
"""


@contextlib.contextmanager
def in_one_process(python, environment, cwd, log_file):
    """Runs the commands of containers in a single process: eleven starts of TFX take minutes.

    To be used with one worker, after a run `as_forks` has shown that each task stands alone.
    """
    with (
        log_file.open("wb+") as log,
        subprocess.Popen(
            [str(python), "-c", _WORKER],
            env=environment,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as worker,
    ):

        def execute(container, platform, arguments):
            program, option, module, *rest = arguments
            assert (program, option) == ("python", "-m")
            variables = {v["name"]: v["value"] for v in container.get("env", [])}
            before = log_file.stat().st_size
            worker.stdin.write(json.dumps([variables, module, rest]).encode() + b"\n")
            worker.stdin.flush()
            code = json.loads(worker.stdout.readline())
            log.seek(before)
            return code, log.read().decode(errors="replace")

        try:
            yield execute
        finally:
            worker.stdin.close()


def as_container(folders, timeout_s=600):
    """Runs a container's command in its image, with Docker; `folders` stand for volumes."""
    volumes = [f"--volume={folder}:{folder}" for folder in folders]

    def execute(container, platform, arguments):
        program, *rest = arguments
        variables = [f"--env={v['name']}={v['value']}" for v in container.get("env", [])]
        docker = ["docker", "run", "--rm", "--network=host", "--cap-drop=ALL", *volumes, *variables]
        ended = subprocess.run(
            [*docker, f"--entrypoint={program}", container["image"], *rest],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        return ended.returncode, ended.stdout.decode(errors="replace")

    return execute


def _values(definitions, given):
    unknown = given.keys() - definitions.keys()
    assert not unknown, unknown
    values = {}
    for name, definition in definitions.items():
        assert name in given or definition.get("isOptional"), f"{name} is required"
        values[name] = given.get(name, definition.get("defaultValue"))
    return values
