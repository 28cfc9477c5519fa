"""Calls a SavedModel without any server: `python -m benchmarks.serving.direct SAVED_MODEL`.

Writes a line when the model is loaded; then answers each line of its standard input, the arguments
of `Direct.run` as JSON, with the seconds of every call in that time. Ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from benchmarks.serving import pictures
from bitpipe.model import signature

FUNCTION, SESSION = "tf.saved_model.load", "session"
WAYS = (FUNCTION, SESSION)
COUNT = 32  # different pictures, so that none is in the processor's caches by chance
SEED = 1

Call = Callable[[list[bytes]], Any]


def ways(saved_model: Path) -> dict[str, Call]:
    """The two ways to call a model in TensorFlow; both take pictures and give NumPy arrays."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved_model))
    function = loaded.signatures[signature.SERVING]
    session = tf.compat.v1.Session(graph=tf.Graph())
    graph = tf.compat.v1.saved_model.load(session, ["serve"], str(saved_model))
    served = graph.signature_def[signature.SERVING]
    fetches = {name: info.name for name, info in served.outputs.items()}
    (fed,) = (info.name for info in served.inputs.values())
    run = session.make_callable(fetches, [fed])

    def call_function(batch: list[bytes]) -> dict[str, Any]:
        answer = function(**{signature.IMAGE: tf.constant(batch)})
        return {name: value.numpy() for name, value in answer.items()}

    call_function.loaded = loaded  # type: ignore[attr-defined]  # a signature does not keep its model
    return {FUNCTION: call_function, SESSION: run}


def timed(call: Call, batches: Sequence[list[bytes]], seconds: float) -> list[float]:
    """Seconds of each call, until they add up to `seconds`; the first call does not count."""
    call(batches[0])
    taken: list[float] = []
    total = 0.0
    while total < seconds:
        began = time.perf_counter()
        call(batches[len(taken) % len(batches)])
        taken.append(time.perf_counter() - began)
        total += taken[-1]
    return taken


def batches(batch: int, size: tuple[int, int]) -> list[list[bytes]]:
    """All pictures in turn, in batches of this size."""
    files = pictures.encode_many(COUNT, SEED, size)
    return [
        [files[(start + number) % COUNT] for number in range(batch)]
        for start in range(0, COUNT, batch)
    ]


def answer(calls: Mapping[str, Call], requests: TextIO, replies: TextIO) -> None:
    """Answers each line of `requests` with the seconds of every call, as JSON.

    Args:
        calls: way -> how the model is called.
        requests: the arguments of `Direct.run`, one JSON object a line.
        replies: where the answers are written.
    """
    made: dict[tuple[int, tuple[int, int]], list[list[bytes]]] = {}
    for line in requests:
        request = json.loads(line)
        key = (request["batch"], tuple(request["size"]))
        if key not in made:
            made[key] = batches(*key)
        taken = timed(calls[request["way"]], made[key], request["seconds"])
        replies.write(json.dumps(taken) + "\n")
        replies.flush()


def main(saved_model: str) -> None:
    """Loads a SavedModel, says so, and answers stdin on stdout until it ends."""
    with os.fdopen(os.dup(1), "w") as replies:  # for replies alone; other output joins the errors
        os.dup2(2, 1)
        calls = ways(Path(saved_model))
        replies.write("ready\n")
        replies.flush()
        answer(calls, sys.stdin, replies)


if __name__ == "__main__":
    main(sys.argv[1])
