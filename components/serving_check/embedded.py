"""The embedded server as a process: `python -m components.serving_check.embedded FOLDER NAME`.

Serves a model on free ports of loopback, writes their addresses to stdout as JSON once it answers,
and ends with whoever has started it: when its standard input does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from bitpipe import frameworks
from bitpipe.errors import BitpipeError
from serving.server import app


def main(folder: str, name: str) -> None:
    """Serves until the standard input ends, or the model could not be loaded.

    Args:
        folder: holds NAME/VERSION.
        name: the model's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends this process
    threading.Thread(target=_end_with_input, daemon=True).start()
    frameworks.log_errors()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        with app.ModelServer(Path(folder), name, port=0, rest_port=0, owns_process=True) as server:
            print(json.dumps({"grpc": server.address, "rest": server.rest_address}), flush=True)
            threading.Event().wait()
    except BitpipeError as error:
        logging.error("%s", error)
        sys.stderr.flush()
        os._exit(error.exit_code or 1)  # TensorFlow's threads have been seen to abort a usual end


def _end_with_input() -> None:
    while sys.stdin.buffer.read(1 << 16):
        pass
    os._exit(0)  # nothing is written, and nobody waits for an answer any more


if __name__ == "__main__":
    main(*sys.argv[1:])
