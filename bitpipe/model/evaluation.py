"""How well a version did when it was judged: a file beside the model, which servers show.

The Pusher writes it, because the Evaluator judges a model that is finished. TensorFlow ignores what
lies in `assets.extra`.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

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


def read(version: Path) -> Evaluation | None:
    """What is known of the version in a folder; None where nothing is, or no sense in it."""
    try:
        found = json.loads((version / FILE).read_bytes())
        accuracy, pictures = float(found[ACCURACY]), int(found[PICTURES])
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    known = math.isfinite(accuracy) and 0 <= accuracy <= 1 and pictures > 0
    return Evaluation(accuracy, pictures) if known else None
