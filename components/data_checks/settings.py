"""The `checks` section of a configuration; as of `components.settings`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from components.settings import NonNegativeInt, Settings, Share

Severity = Literal["off", "warn", "fail"]


class CheckSettings(Settings, frozen=True):
    """What the pictures must show before anything is trained, and what follows where they do not.

    `warn` is told on the terminal, in the result and in the report; `fail` ends the run. What no
    model can be trained from has failed in the ingest by then.
    """

    # Classes that the model in service does not know, and those that only it knows.
    new_classes: Severity = "warn"
    vanished_classes: Severity = "warn"
    # Classes whose names differ in case, blanks, `-`, `_` or the way of writing an accent alone.
    similar_names: Severity = "warn"
    # Training pictures of the largest class for each of the smallest; as Deepchecks' condition.
    imbalance: Severity = "warn"
    max_imbalance: Annotated[float, Meta(ge=1.0)] = 10.0
    # By how much a class's share of the pictures may differ from that of the last checked pictures:
    # the largest of these differences is TFDV's L-infinity distance.
    share_drift: Severity = "warn"
    max_share_drift: Share = 0.1
    # Pictures whose shorter side is less than half of what is served: enlarged more than twice.
    small_pictures: Severity = "warn"
    max_small_share: Share = 0.1
    # One size that most pictures have and others do not, or that gives a class away.
    one_size: Severity = "warn"
    max_one_size_share: Share = 0.9
    # Pictures of nothing but one colour.
    single_colour: Severity = "warn"
    max_single_colour: NonNegativeInt = 0
    # What TFX's ExampleValidator finds in a split that does not fit the schema of the training one.
    anomalies: Severity = "warn"
