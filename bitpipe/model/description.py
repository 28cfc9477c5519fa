"""What an exported model says of itself in a file, for those who will not run it to find out.

A SavedModel is a program. Who wants its weights, its class names and its picture size alone reads
this file and the checkpoint beside it. TensorFlow Serving and TFX carry the folder along.
"""

from __future__ import annotations

import dataclasses
import json

from bitpipe.errors import ModelLoadError
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join

PLACE = "assets.extra/bitpipe.json"
_FORM = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """An exported classifier.

    Attributes:
        variant: the network, a name of `components.bit.variants.VARIANTS`.
        size: side in pixels of the square to which pictures are resized.
        labels: names of the classes, in the order of the scores.
        variables: canonical names (see `components.bit.matching`) of the checkpoint's
            `variables/0`, `variables/1` and so on.
        precision: in which its signatures compute, "float32" or "bfloat16"; the variables are
            float32.
        temperature: by which the logits are divided before the softmax.
    """

    variant: str
    size: int
    labels: tuple[str, ...]
    variables: tuple[str, ...]
    precision: str = "float32"
    temperature: float = 1.0

    def to_json(self) -> str:
        """The content of the file."""
        return json.dumps({"form": _FORM} | dataclasses.asdict(self), indent=1) + "\n"


def read(path: str) -> Description | None:
    """The description of the SavedModel in a folder, on a disk or in a store.

    Returns:
        None where it has none: it was written by something else, or by an earlier bitpipe.

    Raises:
        ModelLoadError: there is a description, but it cannot be understood.
        OSError: the store cannot be read.
    """
    store = store_of(path)
    try:
        content = store.read(join(path, PLACE))
    except FileNotFoundError:
        return None
    try:
        known = json.loads(content)
        if known.pop("form") != _FORM:
            raise ValueError("another form")
        described = Description(
            variant=str(known["variant"]),
            size=int(known["size"]),
            labels=tuple(map(str, known["labels"])),
            variables=tuple(map(str, known["variables"])),
            precision=str(known.get("precision", "float32")),
            temperature=float(known.get("temperature", 1)),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelLoadError(
            f"{path} describes itself in {PLACE} in a way that this bitpipe does not understand "
            f"({error}). Export the model again, or use the bitpipe that wrote it."
        ) from error
    return described
