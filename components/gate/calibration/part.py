"""On which evaluation pictures something is fitted; the others judge."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable


def fitted(rows: Iterable[tuple[bytes, ...]], share: float) -> frozenset[bytes]:
    """The digests of the pictures that are fitted on.

    Of each class `share` of its pictures, rounded down, and never all: each class is judged. Equal
    pictures stay together, and the choice hangs on the digests alone: a picture that is added moves
    few.

    Args:
        rows: label and digest of each picture of the evaluation split.
        share: above 0, below 1.
    """
    by_label: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for label, digest in rows:
        by_label[label].add(digest)
    chosen: set[bytes] = set()
    for digests in by_label.values():
        # Hashed again: the evaluation split is cut from the digests themselves.
        order = sorted(digests, key=lambda digest: hashlib.sha256(digest).digest())
        chosen.update(order[: int(share * len(order))])
    # What is in two classes (data.conflicts=keep) could be all of one of them.
    for _, digests in sorted(by_label.items()):
        if digests <= chosen:
            chosen -= digests
    return frozenset(chosen)
