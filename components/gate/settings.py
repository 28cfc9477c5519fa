"""The `gate` section of a configuration; as of `components.settings`."""

from __future__ import annotations

from components.settings import Settings, Share


class GateSettings(Settings, frozen=True):
    """What a candidate must show on the evaluation split to be served."""

    min_accuracy: Share = 0.5
    # Accuracy the candidate may lose against the model in service (0.01 = one percentage point).
    max_drop: Share = 0.0
    # The floor that every single class must reach; `None` judges the whole split only.
    min_class_accuracy: Share | None = None
    # Classes that the model in service knows may be missing, as after a half-synced folder.
    allow_removed_classes: bool = False
    # A class of which no evaluation picture is recognised may be served.
    allow_unlearned_classes: bool = False
