"""What the driver has listed and read, for the executor that runs right after it in one process.

Listing twice takes seconds of a night's run of minutes, on a store's many files minutes. What is
ingested is also more surely what the cache is keyed with.
"""

import contextlib
from collections.abc import Iterator, Mapping

from components.image_example_gen.listing import Listing

# By the fingerprint; None where no executor will follow.
_seen: dict[str, tuple[Listing, Mapping[str, str]]] | None = None


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Inside, where driver and executor run, `take` finds what `leave` was given."""
    global _seen
    _seen = {}
    try:
        yield
    finally:
        _seen = None


def leave(fingerprint: str, listing: Listing, digests: Mapping[str, str]) -> None:
    """Leaves a listing to the executor.

    Args:
        fingerprint: under which it is found.
        listing: of the data.
        digests: as of `contents.digests`.
    """
    if _seen is not None:
        _seen[fingerprint] = listing, digests


def take(fingerprint: str) -> tuple[Listing, Mapping[str, str]] | None:
    """What was left under this fingerprint, once; None where the driver ran elsewhere."""
    return _seen.pop(fingerprint, None) if _seen is not None else None
