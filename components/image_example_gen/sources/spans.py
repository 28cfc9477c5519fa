"""`DIR/span-1/<class>/**/<file>`: class folders below others, such as those of a night's delivery.

One or several of these, the spans, are taken together.
"""

from collections.abc import Iterable
from dataclasses import replace

from bitpipe.stores.paths import is_remote, join
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import class_folders

NAME = "spans"

# Between the patterns of several spans; no pattern holds it.
SEPARATOR = "|"


def together(patterns: Iterable[str]) -> str:
    """The pattern of several spans, from those of each."""
    return SEPARATOR.join(patterns)


def folders(pattern: str) -> tuple[str, ...]:
    """The folders of class folders: what stands before the last two parts of each pattern."""
    return tuple("/".join(one.split("/")[:-2]) for one in pattern.split(SEPARATOR))


def list_pictures(path: str, pattern: str) -> Listing:
    """See `Source.list_pictures`.

    One span alone is the data folder itself, so its pictures have the same paths as without spans.
    """
    listed = {span: class_folders.list_folder(join(path, span), NAME) for span in folders(pattern)}
    if len(listed) == 1:
        return next(iter(listed.values()))
    return Listing(
        path,
        tuple(
            replace(picture, path=f"{span}/{picture.path}")
            for span, listing in listed.items()
            for picture in listing.pictures
        ),
        classes=tuple(label for listing in listed.values() for label in listing.classes),
        loose_files=sum(listing.loose_files for listing in listed.values()),
        skipped_files=sum(listing.skipped_files for listing in listed.values()),
    )


def check(path: str, pattern: str, min_images_per_class: int) -> Listing | None:
    """See `Source.check`; which spans are taken, the ingest finds out."""
    if "{" in pattern or is_remote(path):
        return None
    listing = list_pictures(path, pattern)
    class_folders.check_listing(listing, min_images_per_class)
    return listing


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return class_folders.read(path, picture)
