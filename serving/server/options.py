"""What can be set on the embedded server."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from bitpipe.errors import ServerOptionsError
from bitpipe.pictures.limits import MAX_PIXELS
from serving.limits import MAX_MESSAGE_BYTES


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
    """What a single request may hold.

    Attributes:
        max_message_bytes: of a request and of a reply.
        max_pixels: of an encoded picture, by its header; and of all that are decoded for a batch,
            which is run in several where they have more.
        max_rows: along the first dimension of an input.
    """

    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_pixels: int = MAX_PIXELS
    max_rows: int = 1024


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


@dataclass(frozen=True)
class Options:
    """All of the above, and how often the folders are looked at."""

    batching: Batching = field(default_factory=Batching)
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
    poll_interval_s: float = 1.0
    drain_s: float = 10.0  # how long requests in progress may take once the server is told to stop
