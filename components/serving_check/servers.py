"""Starts a server for the length of a check, and leaves none behind."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bitpipe import exits
from bitpipe.errors import BitpipeError, ServingError
from components.serving_check import embedded
from serving.client import PredictionClient

NAME = "candidate"
VERSION = 1

# A network of a gigabyte, read from a store, on a machine that is busy.
_PATIENCE_S = 600.0
_POLL_S = 0.2
_LOG_LINES = 15
_TOP = Path(__file__).parents[2]

# Exit codes of `docker run` that are its own, not the container's.
_DOCKERS_OWN = (125, 126, 127)
# The container has no child of this process in it that would be ended with it, so it watches its
# standard input, which Docker closes when `docker run` is gone, for whatever reason.
_IN_CONTAINER = (
    "exec 3<&0; "
    "tensorflow_model_server --port=8500 --rest_api_port=8501 "
    f"--model_name={NAME} --model_base_path=/models/{NAME} </dev/null & server=$!; "
    "{ cat <&3 >/dev/null; kill -9 $server; } & wait $server"
)


class NotServedError(ServingError):
    """The server did not come up, or could not load the model."""


class NoDockerError(BitpipeError):
    """Docker does not do what it is asked for: nothing that speaks against the model."""

    exit_code = exits.USER


@dataclasses.dataclass(frozen=True)
class Server:
    """One that has the model loaded.

    Attributes:
        words: what it is, for people.
        grpc: HOST:PORT.
        rest: http://HOST:PORT.
        load_s: from its start to here.
    """

    words: str
    grpc: str
    rest: str
    load_s: float


@contextlib.contextmanager
def embedded_server(folder: Path, log: Path) -> Iterator[Server]:
    """This project's own server, on the processor: the run itself may hold the accelerator.

    Args:
        folder: holds `NAME`/`VERSION`.
        log: where it writes what it has to say.

    Raises:
        NotServedError: it ended, or did not answer in time.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", embedded.__name__, str(folder), NAME]
    with _running(command, log, _environment()) as process:
        addresses = json.loads(_first_line(process, started))
        load_s = time.monotonic() - started
        yield Server(
            "the embedded server", addresses["grpc"], f"http://{addresses['rest']}", load_s
        )


@contextlib.contextmanager
def docker_server(image: str, folder: Path, log: Path) -> Iterator[Server]:
    """TensorFlow Serving in a container.

    Args:
        image: of TensorFlow Serving.
        folder: as of `embedded_server`, with nothing in it that leads out of it.
        log: as of `embedded_server`.

    Raises:
        NoDockerError: Docker is not there, or has no such image.
        NotServedError: TensorFlow Serving could not load the model, or did not answer in time.
    """
    container = f"bitpipe-check-{uuid.uuid4().hex[:12]}"
    _docker("image", "inspect", image, otherwise=("pull", "--quiet", image))
    started = time.monotonic()
    command = ["docker", "run", "--rm", "--interactive", "--init", "--name", container]
    command += ["--publish", "127.0.0.1::8500", "--publish", "127.0.0.1::8501"]
    command += ["--volume", f"{folder / NAME}:/models/{NAME}:ro", "--entrypoint", "/bin/sh"]
    with _running([*command, image, "-c", _IN_CONTAINER], log, os.environ) as process:
        try:
            grpc, rest = (_published(container, port, process, started) for port in (8500, 8501))
            _wait_until_available(grpc, process, started)
        except NotServedError:
            if process.poll() in _DOCKERS_OWN:
                raise _no_docker("docker run", log.read_text(errors="replace")) from None
            raise
        load_s = time.monotonic() - started
        yield Server(f"TensorFlow Serving ({image})", grpc, f"http://{rest}", load_s)


def last_lines(log: Path) -> tuple[str, ...]:
    """The end of a server's log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line.rstrip() for line in lines if line.strip())[-_LOG_LINES:]


@contextlib.contextmanager
def _running(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """The process, ended on the way out: it keeps nothing that could get lost."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=dict(environment),
        ) as process,
    ):
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.kill()


def _environment() -> dict[str, str]:
    left_out = ("TF_CONFIG",)  # which would make it a worker of the training
    known = {key: value for key, value in os.environ.items() if key not in left_out}
    path = os.pathsep.join(filter(None, (str(_TOP), known.get("PYTHONPATH"))))
    return known | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}


def _first_line(process: subprocess.Popen[str], started: float) -> str:
    """What the process writes when it is ready; libraries may greet before that."""
    assert process.stdout is not None
    while _is_in_time(process, started):
        if select.select([process.stdout], [], [], _POLL_S)[0]:
            line = process.stdout.readline()
            if line.startswith("{"):
                return line
            if not line:
                process.wait(_PATIENCE_S)  # it has closed its output on its way to the end
    raise AssertionError  # the loop returns or raises


def _is_in_time(process: subprocess.Popen[str], started: float) -> bool:
    if process.poll() is not None:
        raise NotServedError(f"it ended with exit code {process.returncode} while it loaded it")
    if time.monotonic() - started > _PATIENCE_S:
        raise NotServedError(f"it had not loaded it after {_PATIENCE_S:.0f} s")
    return True


def _published(container: str, port: int, process: subprocess.Popen[str], started: float) -> str:
    """HOST:PORT under which a port of the container is reached."""
    while _is_in_time(process, started):
        found = subprocess.run(
            ["docker", "port", container, f"{port}/tcp"], capture_output=True, text=True
        )
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.split()[0]
        time.sleep(_POLL_S)
    raise AssertionError


def _wait_until_available(grpc: str, process: subprocess.Popen[str], started: float) -> None:
    """Returns when the model is loaded and warmed up."""
    with PredictionClient(grpc, NAME, timeout_s=5) as client:
        while _is_in_time(process, started):
            try:
                known = client.status()
            except ServingError:  # it does not listen yet
                known = []
            for version in known:
                if version.state == "AVAILABLE":
                    return
                if version.error:
                    raise NotServedError(version.error)
            time.sleep(_POLL_S)


def _docker(*arguments: str, otherwise: Sequence[str] = ()) -> None:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoDockerError(
            "serving_check.server=docker wants the command `docker`, which is not there. Install "
            "it, or set serving_check.server=embedded."
        ) from error
    if done.returncode and otherwise:
        _docker(*otherwise)
    elif done.returncode:
        raise _no_docker(f"docker {' '.join(arguments)}", done.stderr)


def _no_docker(command: str, told: str) -> NoDockerError:
    last = (told.strip().splitlines() or ["it says nothing"])[-1].rstrip(".")
    return NoDockerError(
        f"`{command}` failed: {last}. See that Docker runs and has the image of "
        "serving_check.image, or set serving_check.server=embedded."
    )
