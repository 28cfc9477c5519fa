"""`bitpipe demo`: the whole way from pictures to a server's answers, without any download."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bitpipe.errors import BitpipeError
from bitpipe.model import signature
from pipeline import digits, launch, proposals
from pipeline.settings import config
from pipeline.terminal import streams
from pipeline.terminal.summary import print_summary

NAME = "digits"
_READY_TIMEOUT_S = 300  # on a busy core, TensorFlow alone takes a minute
_READY = re.compile(r"version (?P<version>\d+) on (?P<address>\S+)")


class DemoError(BitpipeError):
    """The server of the demo did not come up, or the model was not blessed."""


def run(out: Path, overrides: Sequence[str] = ()) -> None:
    """Writes the digits, runs the pipeline, serves the model, asks it and prints what it said.

    Args:
        out: folder for the pictures and the run.
        overrides: `key=value` changes to the configuration `digits`.

    Raises:
        DemoError: the model was not blessed, or its server did not start.
    """
    data, held_out = digits.write(out)
    effective = config.load(NAME, overrides)
    settings, same = effective.config, proposals.again(out / "run", str(data), NAME, overrides)
    result, log_file = launch.run(
        settings, str(data), out / "run", origins=effective.origins, command=same
    )
    if result.version is None:
        reasons = "; ".join(result.objections) or result.remark
        raise DemoError(f"the model was not pushed: {reasons}.")
    click.echo("\nAsking the served model about pictures it has never seen:\n")
    with _server(out / "run" / "serving", log_file) as address:
        _ask(address, sorted(held_out.glob("*/*.png")))
    commands = proposals.next_commands(settings, out / "run", same)
    commands[1] = commands[1].replace("IMAGE...", f"{held_out}/7/*.png")
    print_summary(result, sys.stdout, commands)


@contextlib.contextmanager
def _server(models: Path, log_file: Path) -> Iterator[str]:
    """`bitpipe serve` as its own process, as a user would start it; yields its address."""
    command = [sys.executable, "-m", "pipeline", "serve", "--models", str(models), "--name", NAME]
    with (
        log_file.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [*command, "--port", "0", "--rest-port", "-1"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        # Ends the wait for the ready line below when the server hangs.
        timer = threading.Timer(_READY_TIMEOUT_S, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            ready = _READY.search(process.stdout.readline())
            timer.cancel()
            if ready is None:
                raise DemoError(f"the server did not start; its messages are in {log_file}.")
            yield ready["address"]
        finally:
            timer.cancel()
            process.terminate()


def _ask(address: str, pictures: list[Path]) -> None:
    """Sends the pictures with tensorflow-serving-api's own stubs and prints answer beside truth."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = NAME
    request.inputs[signature.IMAGE].CopyFrom(
        tf.make_tensor_proto([path.read_bytes() for path in pictures])
    )
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=60)
    answers = tf.make_ndarray(response.outputs[signature.LABEL])
    scores = tf.make_ndarray(response.outputs[signature.SCORES]).max(axis=1)
    right = 0
    for path, answer, score in zip(pictures, answers, scores, strict=True):
        truth = path.parent.name
        right += answer.decode() == truth
        mark = "" if answer.decode() == truth else f"  {streams.mark('✗', sys.stdout)}"
        click.echo(f"  {path.name}  truth {truth}  answer {answer.decode()} ({score:.3f}){mark}")
    version = response.model_spec.version.value
    click.echo(f"\n  {right} of {len(pictures)} right, answered by version {version} at {address}")
