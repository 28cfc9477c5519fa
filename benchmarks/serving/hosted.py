"""Servers with settings of one's own: `python -m benchmarks.serving.hosted JSON`.

The JSON is a list of the fields of `Hosting`. Prints HOST:PORT of each when it answers. Ends with
SIGTERM.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from serving.server.options import Options

REPLY_BYTES = 200  # of the bare server: a reply for three classes


@dataclasses.dataclass(frozen=True)
class Hosting:
    """One server.

    Attributes:
        models: folder with NAME/VERSION.
        name: the model's; none for a bare gRPC server, which has no model and always answers the
            same: what is left when all that this project does is taken away.
        threads: that answer; 0 for an event loop, as the embedded server has.
        batching: arguments of `serving.server.options.Batching`.
        poll_interval_s: between two looks for new versions.
    """

    models: str = ""
    name: str = ""
    threads: int = 0
    batching: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    poll_interval_s: float = 1.0


def host(hostings: Sequence[Hosting]) -> None:
    """Serves until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # also in threads made from here
    with contextlib.ExitStack() as stack:
        for hosting in hostings:
            start = _start_threads if hosting.threads else _start if hosting.name else _start_bare
            print(start(hosting, stack), flush=True)
        signal.sigwait({signal.SIGTERM})


def _start(hosting: Hosting, stack: contextlib.ExitStack) -> str:
    from serving.server import ModelServer

    options = _options(hosting)
    server = ModelServer(
        Path(hosting.models), hosting.name, port=0, options=options, owns_process=True
    )
    return stack.enter_context(server).address


def _start_threads(hosting: Hosting, stack: contextlib.ExitStack) -> str:
    from benchmarks.serving import threaded

    saved_model = Path(hosting.models, hosting.name, "1")
    server = threaded.server(saved_model, hosting.name, hosting.threads, _options(hosting))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stack.callback(lambda: server.stop(0).wait())
    return f"127.0.0.1:{port}"


def _options(hosting: Hosting) -> Options:
    from serving.server.options import Batching, Options

    return Options(batching=Batching(**hosting.batching), poll_interval_s=hosting.poll_interval_s)


def _start_bare(_: Hosting, stack: contextlib.ExitStack) -> str:
    import asyncio
    import threading

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="bare", daemon=True)
    thread.start()
    server, address = asyncio.run_coroutine_threadsafe(_bare(), loop).result()
    stack.callback(lambda: asyncio.run_coroutine_threadsafe(server.stop(0), loop).result())
    return address


class _Anything(grpc.GenericRpcHandler):
    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(_same)


async def _same(_: bytes, __: grpc.aio.ServicerContext) -> bytes:
    return bytes(REPLY_BYTES)


async def _bare() -> tuple[grpc.aio.Server, str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_Anything()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


if __name__ == "__main__":
    host([Hosting(**fields) for fields in json.loads(sys.argv[1])])
