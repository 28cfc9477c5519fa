"""The embedded server: TensorFlow Serving's gRPC API for one model, on one machine."""

import signal
import socket
import time
from concurrent import futures
from pathlib import Path
from types import TracebackType

import grpc

from serving.errors import AddressError
from serving.manager import ModelManager
from serving.versions import find_model_folder

MAX_MESSAGE_BYTES = 64 * 2**20
_MAX_WORKERS = 16
_SIGNAL_POLL_S = 0.2
_DRAIN_S = 10.0  # how long requests in progress may take once the server is told to stop


class ModelServer:
    """Answers on `address` from entering the context until leaving it, when it drains.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves.
        name: the model's name in requests.
        host: address to listen on; only this machine is served by default.
        port: 0 for any free one.
        poll_interval_s: seconds between two looks for a newer version.
        max_message_bytes: limit of one request and of one reply.

    Raises (on entering):
        ModelFolderError: no version under `models`.
        AddressError: the port is taken, or the host is not this machine's.
        ModelLoadError: no version could be loaded.
    """

    def __init__(
        self,
        models: Path,
        name: str,
        *,
        host: str = "127.0.0.1",
        port: int = 8500,
        poll_interval_s: float = 1.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._models = models
        self._name = name
        self._host = host
        self._port = port
        self._poll_interval_s = poll_interval_s
        self._max_message_bytes = max_message_bytes

    def __enter__(self) -> "ModelServer":
        folder = find_model_folder(self._models, self._name)
        _check_free(self._host, self._port)
        # 20 s of imports; the mistakes above are told without them.
        from serving import services
        from serving.servable import SavedModelServable

        self._manager = ModelManager(
            folder,
            lambda path, _: SavedModelServable(path),
            poll_interval_s=self._poll_interval_s,
        )
        self._manager.start()
        try:
            self._server = grpc.server(
                futures.ThreadPoolExecutor(_MAX_WORKERS, thread_name_prefix="grpc"),
                options=[
                    ("grpc.max_send_message_length", self._max_message_bytes),
                    ("grpc.max_receive_message_length", self._max_message_bytes),
                    # Or else a second server would take half of this one's requests.
                    ("grpc.so_reuseport", 0),
                ],
            )
            services.add_to_server(self._server, self._name, self._manager)
            self._port = _bind(self._server, self._host, self._port)
            self._server.start()
        except BaseException:
            self._manager.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop(_DRAIN_S).wait()
        self._manager.stop()

    @property
    def address(self) -> str:
        """HOST:PORT with the port in use."""
        return _join(self._host, self._port)

    @property
    def version(self) -> int | None:
        """The version in service."""
        return self._manager.version


def serve(
    models: Path,
    name: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    poll_interval_s: float = 1.0,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> None:
    """Serves until SIGTERM or SIGINT; prints one line to stdout when the model answers.

    Call it in the main thread. Arguments and errors are those of `ModelServer`.
    """
    with ModelServer(
        models,
        name,
        host=host,
        port=port,
        poll_interval_s=poll_interval_s,
        max_message_bytes=max_message_bytes,
    ) as server:
        received: list[int] = []
        previous = {
            number: signal.signal(number, lambda number, _: received.append(number))
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            print(f"serving {name} version {server.version} on {server.address}", flush=True)
            # The system may hand a signal to any thread, and Python's handler waits for this one to
            # wake; and in a handler, setting an Event which this thread waits for can deadlock.
            while not received:
                time.sleep(_SIGNAL_POLL_S)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _check_free(host: str, port: int) -> None:
    """Raises AddressError with the system's reason, which gRPC would only log."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As gRPC does: connections of a server just stopped do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # On some systems binding succeeds beside a listener, and only listening fails.
            probe.listen()
    except (OSError, OverflowError) as error:
        raise _address_error(host, port, getattr(error, "strerror", None) or str(error)) from error


def _bind(server: grpc.Server, host: str, port: int) -> int:
    try:
        bound = server.add_insecure_port(_join(host, port))
    except RuntimeError as error:
        raise _address_error(host, port, str(error)) from error
    if not bound:  # how older versions of gRPC fail
        raise _address_error(host, port, "gRPC could not bind it")
    return bound


def _address_error(host: str, port: int, reason: str) -> AddressError:
    return AddressError(
        f"Cannot listen on {_join(host, port)}: {reason}. Stop what uses it, or choose another "
        f"port (0 for any free one)."
    )


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
