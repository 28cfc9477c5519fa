"""What a network answered where it was trained: a file by which a server's answers are told right.

The Trainer writes it beside its curves, not into the model, because names of pictures are nobody's
who is given the model.
"""

from __future__ import annotations

import dataclasses
import json

from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join

# Below the Trainer's `model_run`.
FILE = "reference.json"
_FORM = 1


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the network said of one picture.

    Attributes:
        filename: of the picture, below the data folder.
        sha256: of its pixels, hexadecimal.
        scores: of all classes, 0 to 1.
    """

    filename: str
    sha256: str
    scores: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Answers of the network itself, before it was exported.

    Attributes:
        labels: class names, in the order of the scores.
        answers: on pictures of the evaluation split; none where it is empty.
    """

    labels: tuple[str, ...]
    answers: tuple[Answer, ...]

    def at(self, temperature: float) -> Reference:
        """The same answers of a model whose logits are divided by a temperature."""
        if temperature == 1:
            return self
        return dataclasses.replace(
            self,
            answers=tuple(
                dataclasses.replace(one, scores=_tempered(one.scores, temperature))
                for one in self.answers
            ),
        )

    def to_json(self) -> str:
        """The content of `FILE`."""
        return json.dumps({"form": _FORM} | dataclasses.asdict(self)) + "\n"


def _tempered(scores: tuple[float, ...], temperature: float) -> tuple[float, ...]:
    best = max(scores)
    powers = [(score / best) ** (1 / temperature) for score in scores]
    return tuple(power / sum(powers) for power in powers)


def read(folder: str) -> Reference | None:
    """The reference in a folder, on a disk or in a store.

    Returns:
        None where there is none: an earlier bitpipe trained the model.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        known = json.loads(store_of(folder).read(join(folder, FILE)))
    except FileNotFoundError:
        return None
    try:
        if known["form"] != _FORM:
            raise ValueError("another form")
        return Reference(
            tuple(known["labels"]),
            tuple(
                Answer(one["filename"], one["sha256"], tuple(one["scores"]))
                for one in known["answers"]
            ),
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"{join(folder, FILE)} is damaged ({error!r})") from error
