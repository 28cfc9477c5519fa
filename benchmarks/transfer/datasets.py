"""The data sets that are learned from, and how; standard library only."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Pictures by name, and how they are learned from here.

    Attributes:
        name: of the data set.
        file: below the folder that the user names; empty for scikit-learn's digits.
        split: how it is divided, in words.
        classes: how many there are.
        flip: whether a mirror image bears the same label.
        probe_size: side in pixels at which features are computed.
        train_size: side in pixels at which whole networks are trained.
        shots: pictures a class; `None` for all.
    """

    name: str
    file: str
    split: str
    classes: int
    flip: bool
    probe_size: int
    train_size: int
    shots: tuple[int | None, ...]


DATA = {
    one.name: one
    for one in (
        DataSet(
            "tf_flowers",
            "flower_photos_160.zip",
            "the pipeline's own, by content",
            classes=5,
            flip=True,
            probe_size=192,
            train_size=96,
            shots=(1, 5, 25, 100, None),
        ),
        DataSet(
            "ants_bees",
            "ants_bees.zip",
            "its own train and val",
            classes=2,
            flip=True,
            probe_size=192,
            train_size=96,
            shots=(None,),
        ),
        DataSet(
            "cifar10",
            "cifar10_subset.zip",
            "its own train and test",
            classes=10,
            flip=True,
            probe_size=96,
            train_size=64,
            shots=(1, 5, 25, 100, 500),
        ),
        DataSet(
            "digits",
            "",
            "the pipeline's own, by content",
            classes=10,
            flip=False,
            probe_size=64,
            train_size=32,
            shots=(1, 5, 25),
        ),
    )
}
