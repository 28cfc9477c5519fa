"""Where a version comes from: a file beside the model, which the Pusher writes.

Pictures, weights, code and verdict, so that a folder of versions tells them without the pipeline's
database, which may be on another machine or gone. TensorFlow ignores what lies in `assets.extra`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from bitpipe.stores.store import UNREADABLE

# Below the version's folder.
FILE = "assets.extra/origin.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What is known of a version; each may be missing.

    Attributes:
        digest: of all of the model's files but those that tell about it.
        backbone: where its weights came from.
        code: digest of the Trainer's code.
        bitpipe: the release of bitpipe that pushed it.
        run: the pipeline's run, by its name in ML Metadata.
        data: digest of the pictures and their labels.
        splits: pictures in each split.
        classes: pictures of each class in each split.
        verdict: what the gate said: `blessed`, `objections`, `notes` and whatever else it wrote.
    """

    digest: str | None = None
    backbone: str | None = None
    code: str | None = None
    bitpipe: str | None = None
    run: str | None = None
    data: str | None = None
    splits: Mapping[str, int] = dataclasses.field(default_factory=dict)
    classes: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    verdict: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """The content of `FILE`."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read(version: str) -> Origin:
    """What is known of the version in a folder, on a disk or in a store.

    What a later bitpipe has added is passed over, and so is what cannot be understood.

    Raises:
        OSError: the store does not answer.
    """
    try:
        found = json.loads(store_of(version).read(join(version, FILE)))
    except (*UNREADABLE, ValueError, RecursionError):
        return Origin()
    if not isinstance(found, dict):
        return Origin()
    words = ("digest", "backbone", "code", "bitpipe", "run", "data")
    told = {name: found[name] for name in words if isinstance(found.get(name), str)}
    classes = found.get("classes")
    verdict = found.get("verdict")
    return Origin(
        **told,
        splits=_counts(found.get("splits")),
        classes={name: _counts(by) for name, by in classes.items()}
        if isinstance(classes, dict)
        else {},
        verdict=verdict if isinstance(verdict, dict) else {},
    )


def _counts(found: object) -> dict[str, int]:
    if not isinstance(found, dict):
        return {}
    return {name: count for name, count in found.items() if isinstance(count, int)}
