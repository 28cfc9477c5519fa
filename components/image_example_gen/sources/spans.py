"""`DIR/span-1/<class>/**/<file>`: class folders below others, such as those of a night's delivery.

One or several of these, the spans, are taken together.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from bitpipe.stores.paths import join
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import class_folders, tree
from components.image_example_gen.sources.options import SourceOptions

NAME = "spans"

# Between the patterns of several spans; no pattern holds it.
SEPARATOR = "|"


def together(patterns: Iterable[str]) -> str:
    """The pattern of several spans, from those of each."""
    return SEPARATOR.join(patterns)


def folders(pattern: str) -> tuple[str, ...]:
    """The folders of class folders: what stands before the last two parts of each pattern."""
    return tuple("/".join(one.split("/")[:-2]) for one in pattern.split(SEPARATOR))


def list_spans(path: str, options: SourceOptions) -> Listing:
    """Lists the spans that the pattern of the options names.

    One span alone is the data folder itself, so its pictures have the same paths as without spans.
    Fails as `registry.list_pictures`.
    """
    listed = {}
    for span in folders(options.pattern):
        # Fails where the folders are on another level, as class folders do.
        found = tree.walk(join(path, span))
        class_folders.from_tree(found, SourceOptions())
        listed[span] = class_folders.list_tree(found, NAME)
    said = f"spans of class folders: {', '.join(listed)}"
    if len(listed) == 1:
        return replace(next(iter(listed.values())), recognised=said)
    return Listing(
        path,
        tuple(
            msgspec.structs.replace(picture, path=f"{span}/{picture.path}")
            for span, listing in listed.items()
            for picture in listing.pictures
        ),
        classes=tuple(label for listing in listed.values() for label in listing.classes),
        loose_files=sum(listing.loose_files for listing in listed.values()),
        skipped_files=sum(listing.skipped_files for listing in listed.values()),
        found=sum(listing.found for listing in listed.values()),
        recognised=said,
    )


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return tree.read(path, picture.path)
