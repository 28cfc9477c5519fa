"""The `data` section of a configuration; as of `components.settings`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from bitpipe.pictures.limits import MAX_PIXELS
from components.image_example_gen.sources.options import SourceOptions
from components.settings import (
    LARGEST_INT,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Settings,
    Share,
)


class DataSettings(Settings, frozen=True):
    """How photographs become examples."""

    # How pictures and labels arrive; `auto` goes by what is there, see sources/registry.py.
    source: Literal["auto", "class_folders", "split_folders", "manifest", "tfrecords", "spans"] = (
        "auto"
    )
    # The features of TFRecords with picture and label; None where they have usual ones.
    image_feature: str | None = None
    label_feature: str | None = None
    # A regular expression on paths: pictures with the same `(?P<group>...)` stay on one side.
    group: str | None = None
    # Equal pictures in one class: whether all become examples, or one.
    duplicates: Literal["keep", "drop"] = "drop"
    # Equal pictures in several classes: stop the run, leave out all of them, or learn from all.
    conflicts: Literal["error", "drop", "keep"] = "drop"
    # What the data folder holds: `*/*`, a folder per class, or spans of such folders, as in
    # `span-{SPAN}/*/*`, of which the latest is taken.
    pattern: Annotated[
        str,
        Meta(
            pattern=r"^([^|]+/)?\*/\*$",
            description="text that ends in */* (class folder, file) and holds no |, such as "
            "span-{SPAN}/*/*",
        ),
    ] = "*/*"
    # How many spans, up to the latest one, are taken together.
    span_window: PositiveInt = 1
    # Share of the images held out for evaluation, by hash of the content, in percent steps.
    eval_share: Annotated[float, Meta(ge=0.01, le=0.9)] = 0.2
    # A class with fewer files than this cannot be split into training and evaluation.
    min_images_per_class: Annotated[int, Meta(ge=2, le=LARGEST_INT)] = 5
    # The run stops when more than this share of the files cannot be read.
    max_rejected_share: Share = 0.1
    # Takes what there is of JPEG files that end too early; else they are rejected.
    allow_truncated: bool = False
    # Larger pictures are scaled down to it, their shorter side to no less than half of it, and the
    # served graph scales what clients send. Not by default: other pixels are dealt to other splits,
    # and the resize of a large picture would no longer be BiT's own.
    longest_side: Annotated[int, Meta(ge=64, le=LARGEST_INT)] | None = None
    # The same as a number of files, beside the share.
    max_rejected: NonNegativeInt | None = None
    # Larger pictures are rejected before they are decoded: a few bytes can claim gigabytes.
    max_megapixels: PositiveFloat = MAX_PIXELS / 1e6

    # Cores that the ingest uses, by processes where there is enough to do; None for all, up to 16.
    workers: PositiveInt | None = None

    @property
    def has_spans(self) -> bool:
        """Whether the data folder holds spans of class folders."""
        return "{" in self.pattern  # {SPAN}, or {YYYY}, {MM} and {DD}

    def of_source(self) -> SourceOptions:
        """What the sources are told; ConfigError for what contradicts itself."""
        return SourceOptions(
            self.pattern,
            self.source,
            self.group or "",
            self.image_feature or "",
            self.label_feature or "",
        )
