"""One set of weights: which network it is of, where it lies and in which form."""

from __future__ import annotations

import dataclasses

IMAGENET = 1000  # classes of ILSVRC-2012
IMAGENET_21K = 21_843  # outputs of BiT-M's own head


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One set of weights that has a name.

    Attributes:
        variant: the network it belongs to, a name of `variants.VARIANTS`.
        address: where it is published, or the path of a file of this package.
        form: "npz", "h5" or "hub".
        num_classes: outputs of its head; None when it has none or they are not documented.
        eval_size: side in pixels of the square pictures which a head of ILSVRC-2012 is judged on;
            None for all others.
        sha256: digest in hexadecimal where one is known; else the first download is trusted.
    """

    variant: str
    address: str
    form: str
    num_classes: int | None = None
    eval_size: int | None = None
    sha256: str | None = None
