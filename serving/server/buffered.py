"""How many bytes all requests in progress may hold together."""

from collections.abc import Iterator
from contextlib import contextmanager

from serving.status import ResourceExhaustedError

# A request up to this size is always let in: their number is limited by connections and the queue,
# and a client with small pictures must not suffer from one with large bodies.
SMALL_BYTES = 2**20


class Held:
    """What one request holds."""

    def __init__(self, budget: "Buffered") -> None:
        self._budget = budget
        self.size = 0

    def grow_to(self, size: int) -> None:
        """Counts `size` bytes for this request from now on.

        Raises:
            ResourceExhaustedError: it is not small, and the others leave too little room.
        """
        total = self._budget.size - self.size + size
        if size > SMALL_BYTES and total > self._budget.most:
            raise ResourceExhaustedError(
                f"The requests in progress hold {self._budget.size} of {self._budget.most} bytes. "
                f"Try again later, or send less at once."
            )
        self._budget.size = total
        self.size = size


class Buffered:
    """The bytes of all requests, from the first byte of a body to the end of the answer.

    Args:
        most: bytes. Used in the event loop alone.

    Attributes:
        size: bytes held now.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0

    @contextmanager
    def request(self) -> Iterator[Held]:
        """To be held open for as long as a request is in progress."""
        held = Held(self)
        try:
            yield held
        finally:
            self.size -= held.size
