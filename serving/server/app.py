"""Starts, drains and stops the embedded server."""

import asyncio
import contextlib
import dataclasses
import functools
import gc
import logging
import signal
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from bitpipe import exits
from bitpipe.model.versions import find_model_folder
from serving.server import listening, process
from serving.server.buffered import Buffered
from serving.server.grpc_arrival import Arrivals
from serving.server.model_config import ModelConfig
from serving.server.options import Limits, Options

if TYPE_CHECKING:
    import uvicorn

    from serving.server.loaded import LoadedModel

_log = logging.getLogger(__name__)
_SIGNAL_POLL_S = 0.2
_GRPC_IDLE_MS = 60_000
_CLOSE_S = 5.0  # for a batch that is computed, and to free the models


class ModelServer:
    """Answers from entering the context until leaving it, when it drains.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves; or the models to serve.
        name: the model's name in requests; not needed with a list of models.
        host: address to listen on; only this machine is served by default.
        port: of gRPC; 0 for any free one.
        rest_port: of REST and the web page; 0 for any free one, None for no REST.
        options: batching, limits, TLS and times.
        owns_process: nothing else runs here, so that Python's garbage collector may be set up for
            the server alone.

    Raises (on entering):
        ModelFolderError: no version under `models`.
        AddressError: a port is taken, or the host is not this machine's.
        ModelLoadError: a model of which no version could be loaded.
    """

    def __init__(
        self,
        models: Path | Sequence[ModelConfig],
        name: str = "",
        *,
        host: str = "127.0.0.1",
        port: int = 8500,
        rest_port: int | None = None,
        options: Options | None = None,
        owns_process: bool = False,
    ) -> None:
        self._owns_process = owns_process
        self._models = models
        self._name = name
        self._host = host
        self._port = port
        self._rest_port = rest_port
        self._options = options or Options()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    def __enter__(self) -> "ModelServer":
        configs, root = _configs(self._models, self._name)
        for port in (self._port, self._rest_port):
            if port is not None:
                listening.listen(self._host, port).close()
        served = ", ".join(f"{config.name} from {config.folder}" for config in configs)
        _log.info("Starting TensorFlow to serve %s", served)
        # 20 s of imports; the mistakes above are told without them.
        from serving.server.catalog import Catalog
        from serving.server.loaded import LoadedModel
        from serving.server.metrics import Metrics

        if self._owns_process:
            _set_frameworks_aside()
            self._fit_connections(process.raise_file_limit())
        self._root = root
        self._metrics = Metrics()

        def load(name: str, path: Path) -> "LoadedModel":
            def observe(rows: int, waited_s: float) -> None:
                self._metrics.batched(name, rows, waited_s)

            return LoadedModel(path, self._options, observe)

        self._catalog = Catalog(load, poll_interval_s=self._options.poll_interval_s)
        self._metrics.watch(self._catalog.loaded, self._catalog.queued)
        try:
            self._catalog.configure(configs)
            self._thread.start()
            self._started.wait()
            if self._failure is not None:
                raise self._failure
        except BaseException:
            self._catalog.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from serving.server import loaded

        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._catalog.stop()
        loaded.wait_until_freed()

    @property
    def address(self) -> str:
        """HOST:PORT of gRPC with the port in use."""
        return listening.join(self._host, self._port)

    @property
    def rest_address(self) -> str | None:
        """HOST:PORT of REST with the port in use."""
        return None if self._rest_port is None else listening.join(self._host, self._rest_port)

    @property
    def version(self) -> int | None:
        """The newest version in service of the (first) model."""
        return next(iter(self._catalog.versions().values()), None)

    @property
    def versions(self) -> dict[str, int | None]:
        """Name -> newest version in service."""
        return self._catalog.versions()

    def _fit_connections(self, files: int) -> None:
        limits = self._options.limits
        most = process.most_connections(
            limits.max_connections, files, 1 if self._rest_port is None else 2
        )
        limits = dataclasses.replace(limits, max_connections=most)
        self._options = dataclasses.replace(self._options, limits=limits)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to the thread that waits in __enter__
            self._failure = error
            if self._started.is_set():
                _log.exception("The server has stopped")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        from serving.server import grpc_services, http_connections

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        limits = self._options.limits
        buffered, arrivals = Buffered(limits.max_buffered_bytes), Arrivals(limits)
        server = grpc.aio.server(options=_channel_options(limits), interceptors=[arrivals])
        reported = grpc_services.add_to_server(
            server,
            self._catalog,
            self._metrics,
            self._root if self._options.allow_reload else None,
            buffered,
        )
        self._port = listening.bind(server, self._host, self._port, self._options.tls)
        rest = None
        if self._rest_port is not None:
            rest_socket = listening.listen(self._host, self._rest_port)
            self._rest_port = rest_socket.getsockname()[1]
            rest = self._rest_server(rest_socket, buffered)
            serving = asyncio.create_task(rest.serve([rest_socket]))
        await server.start()
        await grpc_services.report_serving(reported)
        while rest is not None and not rest.started:
            await asyncio.sleep(0.005)
        self._started.set()
        http: set[Any] = rest.server_state.connections if rest else set()
        async with arrivals.watched(), http_connections.watched(http):
            await self._stopping.wait()
            await reported.enter_graceful_shutdown()
            if rest is not None:
                rest.should_exit = True
                # What has not come by now is not answered. Closed here, because uvicorn would
                # cancel its answer at the very end, with a traceback.
                for connection in list(http):
                    connection.close_if_unfinished()
            await server.stop(self._options.drain_s)
            if rest is not None:
                await serving

    def _rest_server(self, listener: socket.socket, buffered: Buffered) -> "uvicorn.Server":
        import uvicorn

        from serving.server import browsers, http_connections, rest

        options = self._options
        application = browsers.guarded(
            rest.application(self._catalog, self._metrics, options, buffered),
            origins=options.allow_origins,
            names={self._host} if listening.is_loopback(listener) else None,
        )

        tls = self._options.tls
        secured: dict[str, Any] = {}
        if tls is not None:
            import ssl

            secured = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
            if tls.client_ca is not None:
                secured |= {
                    "ssl_ca_certs": str(tls.client_ca),
                    "ssl_cert_reqs": ssl.CERT_REQUIRED,
                }
        config = uvicorn.Config(
            application,
            http=functools.partial(http_connections.Connection, options.limits),  # type: ignore[arg-type]
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=int(self._options.drain_s) or 1,
            **secured,
        )
        return uvicorn.Server(config)


def serve(models: Path | Sequence[ModelConfig], name: str = "", **settings: Any) -> None:
    """Serves until SIGTERM or SIGINT; prints a line to stdout when the models answer.

    The rest of the news is logged. Call it in the main thread. Arguments and errors are those of
    `ModelServer`.
    """
    options = settings.get("options") or Options()
    process.tell_faults_once_a_minute()
    with contextlib.ExitStack() as ending:
        server = ending.enter_context(ModelServer(models, name, owns_process=True, **settings))
        received: list[int] = []
        previous = {
            number: signal.signal(number, lambda number, _: received.append(number))
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            served = ", ".join(f"{name} version {v}" for name, v in server.versions.items())
            scheme = "https" if settings.get("options", Options()).tls else "http"
            page = f" and {scheme}://{server.rest_address}/" if server.rest_address else ""
            print(f"serving {served} on {server.address}{page}", flush=True)
            if server.rest_address:
                place = listening.reachable(server.rest_address)
                _log.info("The web page is %s://%s/ and Ctrl-C ends the server.", scheme, place)
            # The system may hand a signal to any thread, and Python's handler waits for this one to
            # wake; and in a handler, setting an Event which this thread waits for can deadlock.
            while not received:
                time.sleep(_SIGNAL_POLL_S)
            # The requests in progress get their time, the models theirs, and nothing gets more.
            with process.ended_after(options.drain_s + _CLOSE_S, exits.OK):
                ending.close()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            _log.info("Stopping: requests in progress are answered first.")
    _log.info("Stopped.")


def _set_frameworks_aside() -> None:
    """Lets the garbage collector forget what has been imported.

    A full collection comes when there are a quarter as many new objects as old ones. TensorFlow has
    a million of those, and so closed connections, which are cycles, would wait with all that they
    have received. To be called before a model is loaded: what is frozen is never collected.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # which counts the old ones anew


def _configs(
    models: Path | Sequence[ModelConfig], name: str
) -> tuple[list[ModelConfig], Path | None]:
    """The models to serve, and the folder in which clients may name others, if any."""
    if isinstance(models, Path):
        return [ModelConfig(name, find_model_folder(models, name), released=True)], models
    folders = {config.folder.parent for config in models}
    return list(models), folders.pop() if len(folders) == 1 else None


def _channel_options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", limits.max_message_bytes),
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        # Or else a second server would take half of this one's requests.
        ("grpc.so_reuseport", 0),
        ("grpc.max_allowed_incoming_connections", limits.max_connections),
        ("grpc.server_handshake_timeout_ms", round(1000 * limits.head_s)),
        # A client whose connection is closed while it asks nothing opens another for its next call.
        ("grpc.max_connection_idle_ms", _GRPC_IDLE_MS),
    ]
