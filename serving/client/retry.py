"""Which failed calls are tried again, when, and for how long."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bitpipe.errors import ClientOptionsError, ServerBusyError, ServerUnreachableError, TlsError

_T = TypeVar("_T")
# Clients that were refused together must not come back together.
_JITTER = 0.2


@dataclass(frozen=True)
class Retry:
    """Exponential backoff for UNAVAILABLE and RESOURCE_EXHAUSTED (REST: no connection, 503, 429).

    One rule for both protocols rather than theirs: gRPC's own policy tries nothing again that is
    larger than 256 KiB (`grpc.per_rpc_retry_buffer_size`), and urllib3's knows no time limit that
    spans all attempts.

    Attributes:
        attempts: the first one included.
        first_wait_s: before the second attempt; each wait is twice the one before.
        longest_wait_s: the most; also where the server asks for more (Retry-After).
    """

    attempts: int = 5
    first_wait_s: float = 0.1
    longest_wait_s: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ClientOptionsError(
                f"A call needs at least one attempt. Received: {self.attempts}."
            )

    def waits(self) -> Iterator[float]:
        """Seconds between the attempts, within 20 % of the rule."""
        wait_s = self.first_wait_s
        for _ in range(self.attempts - 1):
            yield min(wait_s, self.longest_wait_s) * random.uniform(1 - _JITTER, 1 + _JITTER)
            wait_s *= 2

    def call(
        self,
        attempt: Callable[[float], _T],
        timeout_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> _T:
        """The result of `attempt`, which is given the seconds that are left.

        Raises:
            ServingError: the last attempt's, once attempts or time are used up.
        """
        end = clock() + timeout_s
        waits = self.waits()
        while True:
            try:
                return attempt(max(end - clock(), 0.001))
            except (ServerUnreachableError, ServerBusyError) as error:
                wait_s = next(waits, None)
                if wait_s is None or isinstance(error, TlsError):
                    raise
                if isinstance(error, ServerBusyError):
                    wait_s = max(wait_s, min(error.retry_after_s, self.longest_wait_s))
                if clock() + wait_s >= end:
                    raise
            sleep(wait_s)
