"""The `gate` section of a configuration; as of `components.settings`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Literal

from msgspec import Meta

from bitpipe.errors import ConfigError, DataError
from bitpipe.model.signature import TOP_K, UNKNOWN
from components.settings import Settings, Share

# No scores are exactly the shares of right answers, and at level 0 no drop would ever count.
AboveZero = Annotated[float, Meta(gt=0.0, le=1.0)]
Between = Annotated[float, Meta(gt=0.0, lt=1.0)]

# With fewer a temperature says more of these very pictures than of the model.
_FEWEST_FITTED = 10


class RejectBelow(Settings, frozen=True):
    """A score that is chosen by what is wanted of the answers that are given."""

    # The share of them that must be right.
    precision: AboveZero


class GateSettings(Settings, frozen=True):
    """What a candidate must show on the evaluation split to be served."""

    # What `min_accuracy` and `max_drop` are judged by. `balanced_accuracy`: the mean of the
    # classes' recalls, so that rare classes count as much as frequent ones.
    metric: Literal["accuracy", "balanced_accuracy", "top_5"] = "accuracy"
    min_accuracy: Share = 0.5
    # What the candidate may lose against the model in service (0.01 = one percentage point).
    max_drop: Share = 0.0
    # A drop counts where chance alone would bring as large a one in no more than this share of all
    # cases; 1 counts every drop.
    significance: AboveZero = 0.05
    # The recall that every single class must reach; `None` judges the whole split only.
    min_recall_per_class: Share | None = None
    # What a single class may lose against the model in service; `None` lets a class collapse.
    max_recall_drop_per_class: Share | None = 0.25
    # Mean distance between a score and the share of right answers among pictures with such scores.
    max_calibration_error: AboveZero | None = None
    # Fits a temperature, by which the served scores come closer to the shares of right answers.
    calibrate: bool = False
    # The best score below which the served answer is `unknown`: itself, or the precision for which
    # it is chosen; `None` answers every picture with a class.
    reject_below: Between | RejectBelow | None = None
    # Of the evaluation pictures of each class, on which temperature and score are fitted; the
    # others judge. More of them judge better, and a temperature is one number.
    calibration_share: Between = 0.3
    # Where candidate and model in service know different classes: compare them on the pictures of
    # the classes that both know, judge by the floors alone, or refuse the candidate.
    on_label_change: Literal["judge_common", "floor_only", "fail"] = "judge_common"
    # Classes that the model in service knows may be missing, as after a half-synced folder.
    allow_removed_classes: bool = False
    # A class of which no evaluation picture is recognised may be served.
    allow_unlearned_classes: bool = False

    @property
    def is_fitted(self) -> bool:
        """Whether a part of the evaluation pictures is needed to set a number by."""
        return self.calibrate or isinstance(self.reject_below, RejectBelow)

    @property
    def changes_model(self) -> bool:
        """Whether what is served differs from what was trained."""
        return self.calibrate or self.reject_below is not None


def check(gate: GateSettings) -> None:
    """Refuses settings that contradict each other.

    Raises:
        ConfigError: says which.
    """
    if gate.allow_removed_classes and gate.on_label_change == "fail":
        raise ConfigError(
            "gate.allow_removed_classes=true and gate.on_label_change=fail contradict each other: "
            "a candidate without a class of the model in service is to be let through and to be "
            "refused. Leave one of them out."
        )


def check_classes(gate: GateSettings, classes: Collection[str]) -> None:
    """Refuses what says nothing about a model of these classes.

    Raises:
        ConfigError: the best 5 of 5 classes or fewer always hold the right one, or a class cannot
            be told from the answer that is none.
    """
    num_classes = len(classes)
    check_names(gate, classes)
    if gate.metric == "top_5" and num_classes <= TOP_K:
        raise ConfigError(
            f"gate.metric=top_5 wants more than {TOP_K} classes: of fewer, the best {TOP_K} always "
            f"hold the right one. Received: {num_classes} classes; use accuracy or "
            "balanced_accuracy."
        )


def check_pictures(gate: GateSettings, counts: Iterable[int]) -> None:
    """Refuses, before a model is trained, what no model can be fitted on.

    Args:
        gate: the settings.
        counts: evaluation pictures of each class.

    Raises:
        DataError: see `require_fitted`.
    """
    known = list(counts)
    if gate.is_fitted:
        require_fitted(sum(int(gate.calibration_share * count) for count in known), sum(known))


def require_fitted(number: int, pictures: int) -> None:
    """Refuses too few pictures.

    Args:
        number: that a temperature or a score would be fitted on.
        pictures: of the evaluation split.

    Raises:
        DataError: they would tell more of themselves than of the model.
    """
    if number < _FEWEST_FITTED:
        raise DataError(
            f"gate.calibrate and a precision of gate.reject_below are fitted on at least "
            f"{_FEWEST_FITTED} pictures. Received: {number} of {pictures} evaluation pictures; add "
            "pictures, raise data.eval_share or gate.calibration_share, or leave them out."
        )


def check_names(gate: GateSettings, classes: Iterable[str]) -> None:
    """Refuses a class that cannot be told from the answer that is none.

    Raises:
        ConfigError: there is one.
    """
    if gate.reject_below is not None and UNKNOWN in classes:
        raise ConfigError(
            f"with gate.reject_below the answer {UNKNOWN!r} says that no class is sure enough, and "
            f"no class may be called so. Received: a class {UNKNOWN!r}; rename its folder, or "
            "leave gate.reject_below out."
        )
