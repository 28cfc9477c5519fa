"""What was set in an exported model once it was trained: two of its variables, and a file.

The gate's stage Calibrator writes both. TensorFlow ignores what lies in `assets.extra`; TFX and the
Pusher carry it along.
"""

from __future__ import annotations

import dataclasses
import json

from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join

# Below the model's folder.
FILE = "assets.extra/calibration.json"
_FORM = 1

# Variables of the exported model, scalars of float32: the logits are divided by the one, and a
# picture whose best score is below the other is answered with `signature.UNKNOWN`.
TEMPERATURE, REJECT_BELOW = "temperature", "reject_below"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a model's scores were made to say.

    Attributes:
        temperature: above 0; 1 leaves the scores as they were trained.
        reject_below: 0 to 1; 0 answers every picture with a class.
        is_calibrated: whether a temperature was asked for.
        precision: share of right answers among those that are given, for which `reject_below` was
            chosen; None where it was given, or nothing is rejected.
        reached: whether there was such a score.
        pictures: digests of the evaluation pictures that temperature and score were fitted on, the
            feature `sha256` of an example. None of them may judge the model.
        right: how many of them are answered with their class where none is rejected.
    """

    temperature: float = 1.0
    reject_below: float = 0.0
    is_calibrated: bool = False
    precision: float | None = None
    reached: bool = True
    pictures: tuple[str, ...] = ()
    right: int = 0

    def to_json(self) -> str:
        """The content of `FILE`: the attributes by their names, and `form`, which is 1."""
        return json.dumps({"form": _FORM} | dataclasses.asdict(self), indent=1) + "\n"


def read(path: str) -> Calibration:
    """What was set in the model in a folder, on a disk or in a store; nothing where it tells none.

    Raises:
        OSError, ValueError: there is a file that cannot be read, or makes no sense.
    """
    try:
        content = store_of(path).read(join(path, FILE))
    except FileNotFoundError:
        return Calibration()
    try:
        known = json.loads(content)
        if known.pop("form") != _FORM:
            raise ValueError("another form")
        return Calibration(**known | {"pictures": tuple(known["pictures"])})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{join(path, FILE)} makes no sense: {error!r}.") from error
