"""How well a version did when it was judged: a file beside the model, which servers show.

The Pusher writes it, because the Evaluator judges a model that is finished. TensorFlow ignores what
lies in `assets.extra`.
"""

import json
import math
import os
from dataclasses import dataclass

from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from bitpipe.stores.store import UNREADABLE

# Below the version's folder.
FILE = "assets.extra/evaluation.json"
# Keys of the file, and custom properties of the blessing, by which the Pusher learns of them.
ACCURACY, PICTURES = "accuracy", "pictures"


@dataclass(frozen=True)
class Evaluation:
    """What the gate measured.

    Attributes:
        accuracy: share of the pictures of the evaluation split whose best label is right, 0 to 1.
        pictures: in the evaluation split.
    """

    accuracy: float
    pictures: int

    def encode(self) -> str:
        """The content of `FILE`."""
        return json.dumps({ACCURACY: self.accuracy, PICTURES: self.pictures}) + "\n"


def read(version: str | os.PathLike[str]) -> Evaluation | None:
    """What is known of the version in a folder; None where nothing is, or no sense in it.

    Raises:
        OSError: the store does not answer.
    """
    folder = os.fspath(version)
    try:
        found = json.loads(store_of(folder).read(join(folder, FILE)))
        accuracy, pictures = float(found[ACCURACY]), int(found[PICTURES])
    except (*UNREADABLE, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    known = math.isfinite(accuracy) and 0 <= accuracy <= 1 and pictures > 0
    return Evaluation(accuracy, pictures) if known else None
