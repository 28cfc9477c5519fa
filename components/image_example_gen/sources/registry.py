"""All sources by their names, and the one that fits a data set; imports no framework."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import msgspec

from bitpipe.errors import DataError
from bitpipe.stores.paths import is_remote
from components.image_example_gen.listing import Listing
from components.image_example_gen.sources import (
    class_folders,
    given_splits,
    manifest,
    spans,
    split_folders,
    tfrecords,
    tree,
)
from components.image_example_gen.sources.options import AUTO, NO_SPANS, SourceOptions
from components.image_example_gen.sources.source import Source

_SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.NAME: source for source in (class_folders, split_folders, manifest, tfrecords, spans)}
)

_PLAIN = SourceOptions()


def by_name(name: str) -> Source:
    """The source of that `NAME`, as a listed picture bears it."""
    return _SOURCES[name]


def list_pictures(path: str, options: SourceOptions = _PLAIN) -> Listing:
    """Lists a data set, whatever it is: the source is what `options` say, or what fits.

    Args:
        path: a folder or file of this machine, what lies in a .zip or .tar file, or an address such
            as `gs://bucket/photos`.
        options: of the section `data`.

    Raises:
        DataError: it cannot be listed, is nothing that a source knows or could be two things, or
            breaks a rule of its source.
        StoreError: the store of an address is unknown, or does not answer.
    """
    listing = _list(path, options)
    if kind := tree.archive_kind(listing.path):
        listing = replace(listing, recognised=f"{kind}, {listing.recognised}")
    return _grouped(listing, options) if options.group else listing


def check_data(
    path: str, options: SourceOptions = _PLAIN, min_images_per_class: int = 2
) -> Listing | None:
    """Refuses data that cannot become a training set, before a framework is imported.

    Counts files, not readable pictures.

    Returns:
        What is listed; None where that would need the network, or a span to be found: it is left to
        the ingest then.

    Raises:
        DataError: the rule that is broken, what was found and what to do.
    """
    if is_remote(path) or "{" in options.pattern:
        return None
    listing = list_pictures(path, options)
    if len(listing.classes) < 2:
        raise DataError(
            "A classifier needs at least 2 classes. "
            f"Received: only {listing.classes[0]!r} in {listing.path}; "
            "add pictures of another class."
        )
    counts = Counter(dict.fromkeys(listing.classes, 0))
    counts.update(one.label for one in listing.pictures if one.split != given_splits.TEST)
    few = [
        f"{label!r} has {counts[label]}"
        for label in listing.classes
        if counts[label] < min_images_per_class
    ]
    if few:
        more = f" and {len(few) - 3} more classes" if len(few) > 3 else ""
        raise DataError(
            f"Each class needs at least {min_images_per_class} pictures. "
            f"Received: {', '.join(few[:3])}{more} in {listing.path}; "
            "add pictures or remove the class."
        )
    return listing


def _list(path: str, options: SourceOptions) -> Listing:
    if options.pattern != NO_SPANS:
        return spans.list_spans(path, options)
    if options.source in (AUTO, manifest.NAME) and manifest.is_named(path):
        return manifest.list_file(path)
    if options.source in (AUTO, tfrecords.NAME) and tfrecords.is_named(path):
        return tfrecords.list_file(path, options)
    found = tree.walk(path)
    # What is packed is mostly packed with the folder around it.
    if tree.archive_kind(path) and (way := tree.single_way(found, manifest.FILES)):
        found = tree.below(found, way)
    named = manifest.in_tree(found)
    if options.source == manifest.NAME and named is None:
        raise DataError(
            f"A folder with a manifest must hold {' or '.join(manifest.FILES)}. "
            f"Received: none of them in {found.path}; name the manifest itself."
        )
    if named is not None and options.source in (AUTO, manifest.NAME):
        return manifest.from_tree(found, named)
    if options.source in (AUTO, tfrecords.NAME) and (
        options.source == tfrecords.NAME or tfrecords.fits(found)
    ):
        return tfrecords.from_tree(found, options)
    if options.source == split_folders.NAME or (
        options.source == AUTO and split_folders.fits(found)
    ):
        return split_folders.from_tree(found, options)
    return class_folders.from_tree(found, options)


def _grouped(listing: Listing, options: SourceOptions) -> Listing:
    pictures = tuple(
        msgspec.structs.replace(one, group=one.group or options.group_of(one.path))
        for one in listing.pictures
    )
    groups = {picture.group for picture in pictures if picture.group}
    if pictures and not groups:
        raise DataError(
            "data.group must match the paths of pictures. "
            f"Received: {options.group!r}, which matches none of {len(pictures)}, such as "
            f"{pictures[0].path!r}; correct the pattern."
        )
    return replace(
        listing, pictures=pictures, recognised=f"{listing.recognised}; {len(groups)} groups"
    )
