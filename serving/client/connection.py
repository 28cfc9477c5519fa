"""How a client connects: TLS, time limits, and what keeps an idle connection open."""

from dataclasses import dataclass, field
from pathlib import Path

from bitpipe import arguments
from bitpipe.errors import ClientOptionsError
from serving.client.address import Address
from serving.client.retry import Retry
from serving.limits import MAX_MESSAGE_BYTES

DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class ClientTls:
    """PEM files. All may be left out: then the system's authorities vouch for the server.

    Attributes:
        ca: the authorities that may have signed the server's certificate.
        certificate: the client's own, for a server that asks for one (mutual TLS).
        key: the certificate's private key.

    Raises:
        ClientOptionsError: a file is missing or not PEM; a certificate without a key, or reverse.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ClientOptionsError("A client's certificate and its key are given together.")
        for path in (self.ca, self.certificate, self.key):
            if path is None:
                continue
            try:
                text = path.read_bytes()
            except OSError as error:
                raise ClientOptionsError(
                    f"{path} cannot be read: {error.strerror}. Name a PEM file."
                ) from error
            if b"-----BEGIN " not in text:
                raise ClientOptionsError(f"{path} is no PEM file. Convert it with openssl.")


@dataclass(frozen=True)
class KeepAlive:
    """Probes that keep routers from forgetting a quiet connection, and notice a dead one.

    gRPC's servers close the connection of a client that pings more than once in five minutes
    (`grpc.http2.min_ping_interval_without_data_ms`) unless they are told to bear it, so that a
    shorter time is for servers whose settings are known. REST uses TCP's own probes.

    Attributes:
        after_s: silence before the first probe.
        timeout_s: how long an answer may take before the connection counts as dead.
        when_idle: also while no call is in progress. TCP knows no calls: always, with REST.
    """

    after_s: float = 300.0
    timeout_s: float = 20.0
    when_idle: bool = False


@dataclass(frozen=True)
class Connection:
    """Everything that a transport must know; checked by `PredictionClient`.

    Attributes:
        address: of the server.
        timeout_s: how long one call may take, all its retries included.
        max_message_bytes: limit of one request and of one reply.
        in_flight: calls at the same time which need not wait for a connection.
        tls: None for what `address` says.
    """

    address: Address
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_message_bytes: int = MAX_MESSAGE_BYTES
    in_flight: int = 1
    tls: ClientTls | None = None
    retry: Retry = field(default_factory=Retry)
    keep_alive: KeepAlive = field(default_factory=KeepAlive)

    def __post_init__(self) -> None:
        if self.tls is not None:
            arguments.instance("tls", self.tls, ClientTls, "a ClientTls", error=ClientOptionsError)
        if self.tls is not None and self.address.scheme == "http":
            raise ClientOptionsError(
                f"Certificates need a secure connection: write https:// instead of http://. "
                f"Received: {self.address}."
            )
        arguments.positive("timeout_s", self.timeout_s, error=ClientOptionsError)
        for name in ("max_message_bytes", "in_flight"):
            arguments.whole_number(name, getattr(self, name), 1, error=ClientOptionsError)

    @property
    def secured_by(self) -> ClientTls | None:
        """What vouches for the server, or None for a connection without TLS."""
        if self.address.is_secure or self.tls is not None:
            return self.tls or ClientTls()
        return None
