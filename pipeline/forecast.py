"""Says before the first stage how long training takes on a CPU, where that is long."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bitpipe.errors import ConfigError
from bitpipe.pictures import headers
from bitpipe.stores.store import UNREADABLE
from components.image_example_gen.sources import registry
from components.image_example_gen.sources.given_splits import TRAIN
from pipeline.settings.config import Config

if TYPE_CHECKING:
    from components.image_example_gen.listing import ListedPicture, Listing

# So many pictures are looked at for their sizes.
_LOOKED_AT = 9
# Of what has no such header: a photograph.
_USUAL_AREA = 640 * 480


def of_training(config: Config, listing: Listing | None) -> str | None:
    """The sentence; None where it takes minutes, or nothing is known beforehand.

    Imports TensorFlow and TFX.

    Args:
        config: of the run.
        listing: of its pictures; None where only the ingest knows them.
    """
    import tensorflow as tf

    if (
        listing is None
        or not listing.pictures
        or tf.config.list_physical_devices("GPU")
        or {"TPU_NAME", "TF_CONFIG"} & os.environ.keys()
    ):
        return None
    from components import hyperparameters
    from components.bit import networks
    from components.training import forecast

    pictures = _trained_on(listing.pictures, config.data.eval_share)
    if config.train.examples_per_class is not None:
        pictures = min(pictures, config.train.examples_per_class * len(listing.classes))
    facts = hyperparameters.Facts(max(1, pictures), _area(listing), len(listing.classes))
    try:
        rule = hyperparameters.decide(facts, config.train)
    except ConfigError:  # which holds for these few pictures; the stage tells where it does for all
        return None
    return forecast.sentence(
        networks.variant_of(config.model.backbone, config.model.variant),
        config.model,
        config.train,
        rule,
        pictures,
        len(listing.classes),
    )


def _trained_on(pictures: Sequence[ListedPicture], eval_share: float) -> int:
    """How many; those of no split are split later."""
    given = sum(one.split == TRAIN for one in pictures)
    return given + round((1 - eval_share) * sum(one.split is None for one in pictures))


def _area(listing: Listing) -> float:
    """Median of a few pictures', in pixels."""
    step = max(1, len(listing.pictures) // _LOOKED_AT)
    areas = []
    for picture in listing.pictures[::step]:
        try:
            data = registry.by_name(picture.source).read(listing.path, picture)
        except UNREADABLE:
            continue
        areas.append(headers.count_pixels(data) or _USUAL_AREA)
    return statistics.median(areas or [_USUAL_AREA])
