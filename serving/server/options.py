"""What can be set on the embedded server."""

import itertools
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from bitpipe.errors import ServerOptionsError
from bitpipe.pictures.limits import MAX_PIXELS
from serving.limits import MAX_MESSAGE_BYTES

_ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s]+")  # RFC 6454, 6.2


@dataclass(frozen=True)
class Batching:
    """How requests are joined into batches; the names are TensorFlow Serving's.

    A thread that is free takes what is queued, up to `max_batch_size`. With a timeout it first
    waits for more: worth it only where a batch costs hardly more than a single row, as on a GPU.

    Attributes:
        max_batch_size: rows of one batch. A request with more is run in several.
        batch_timeout_ms: how long a batch that is not full waits, from its first request on.
        allowed_batch_sizes: if any, ascending, the last being `max_batch_size`; a batch is padded
            to the next of them, for accelerators that compile anew for each size.
        max_enqueued_batches: full batches that may wait; further requests are refused at once.
        num_batch_threads: batches in progress at the same time. With two, one batch is decoded and
            answered while another is computed: worth 5 to 12 % of an R50x1's throughput on two
            cores, and costs a tiny model as much (docs/benchmarks.md).

    Raises:
        ServerOptionsError: values that contradict each other.
    """

    max_batch_size: int = 16
    batch_timeout_ms: float = 0.0
    allowed_batch_sizes: tuple[int, ...] = ()
    max_enqueued_batches: int = 8
    num_batch_threads: int = 2

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ServerOptionsError(
                    f"{name} must be at least 1. Received: {getattr(self, name)}."
                )
        if not self.batch_timeout_ms >= 0:
            raise ServerOptionsError(
                f"batch_timeout_ms must be at least 0. Received: {self.batch_timeout_ms}."
            )
        sizes = self.allowed_batch_sizes
        if sizes and (
            sizes[0] < 1
            or sizes[-1] != self.max_batch_size
            or any(one >= other for one, other in itertools.pairwise(sizes))
        ):
            raise ServerOptionsError(
                f"allowed_batch_sizes must ascend from 1 or more to max_batch_size "
                f"({self.max_batch_size}). Received: {', '.join(map(str, sizes))}."
            )

    @property
    def capacity(self) -> int:
        """Rows that may wait."""
        return self.max_batch_size * self.max_enqueued_batches

    def padded(self, rows: int) -> int:
        """Rows of the batch in which `rows` (at most `max_batch_size`) are computed."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


@dataclass(frozen=True)
class Limits:
    """What requests may hold, and how long a client may take for its part.

    Attributes:
        max_message_bytes: of a request and of a reply.
        max_pixels: of an encoded picture, by its header; and of all that are decoded for a batch,
            which is run in several where they have more.
        max_rows: along the first dimension of an input.
        max_buffered_bytes: of all requests in progress; beyond it only small ones are let in.
        max_connections: of a port. One more, and the one idle for longest is closed.
        head_s: from a connection, or the last reply on it, to the end of a request's head.
        body_s: for a body, or for a client that reads no more of a reply.
        min_bytes_per_s: of a body, at least, over each `body_s`.
    """

    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_pixels: int = MAX_PIXELS
    max_rows: int = 1024
    max_buffered_bytes: int = 8 * MAX_MESSAGE_BYTES
    max_connections: int = 1000
    head_s: float = 10.0
    body_s: float = 20.0
    min_bytes_per_s: float = 32 * 2**10  # below any line that carries pictures


@dataclass(frozen=True)
class Tls:
    """PEM files. With `client_ca`, only clients with a certificate of that authority may call."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        for path in (self.certificate, self.key, self.client_ca):
            if path is None:
                continue
            try:
                text = path.read_bytes()
            except OSError as error:
                raise ServerOptionsError(
                    f"{path} cannot be read: {error.strerror}. Name a PEM file."
                ) from error
            if b"-----BEGIN " not in text:
                raise ServerOptionsError(f"{path} is no PEM file. Convert it with openssl.")
        self._try()

    def _try(self) -> None:
        """Loads the files as REST will: gRPC only says that it could not listen."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Without a function for the password, the terminal would be asked.
            context.load_cert_chain(self.certificate, self.key, self._no_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ServerOptionsError(
                    f"The key {self.key} is not that of the certificate {self.certificate}. Name "
                    f"the two that were made together."
                ) from error
            raise ServerOptionsError(
                f"The certificate {self.certificate} with the key {self.key} cannot be used: "
                f"{error.reason or error}. Name whole PEM files."
            ) from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                raise ServerOptionsError(
                    f"{self.client_ca} holds no certificate of an authority: "
                    f"{error.reason or error}. Name a PEM file with one."
                ) from error

    def _no_password(self) -> str:
        raise ServerOptionsError(
            f"The key {self.key} is encrypted. Decrypt it for the server: openssl pkey -in "
            f"{self.key} -out decrypted.pem"
        )


@dataclass(frozen=True)
class Options:
    """All of the above, and how often the folders are looked at.

    Attributes:
        batching: see there.
        limits: see there.
        tls: see there; None for plain text.
        poll_interval_s: between two looks at the folders.
        drain_s: how long requests in progress may take once the server is told to stop.
        allow_origins: SCHEME://HOST[:PORT] of web pages that may use the server beside its own;
            "*" for all.
        allow_reload: whether clients may change which models are served.

    Raises:
        ServerOptionsError: an origin that is none.
    """

    batching: Batching = field(default_factory=Batching)
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
    poll_interval_s: float = 1.0
    drain_s: float = 10.0
    allow_origins: tuple[str, ...] = ()
    allow_reload: bool = False

    def __post_init__(self) -> None:
        for origin in self.allow_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ServerOptionsError(
                    f"An origin is SCHEME://HOST[:PORT], such as https://example.org, or * for "
                    f"all. Received: {origin}."
                )
