"""`DIR/<class>/**/<file>`: the first folder on a picture's way is its class."""

from bitpipe.errors import DataError
from bitpipe.stores.paths import is_remote, join
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import tree

NAME = "class_folders"
PATTERN = "*/*"

# What people call the parts of a data set that is split already.
_SPLITS = frozenset(
    ("train", "training", "val", "valid", "validation", "dev", "eval", "test", "testing")
)


def list_pictures(path: str, pattern: str = PATTERN) -> Listing:
    """See `Source.list_pictures`; there is one pattern only."""
    assert pattern == PATTERN
    return list_folder(path, NAME)


def list_folder(path: str, source: str) -> Listing:
    """Lists the class folders below `path` for the source of that name, which reads them, too."""
    found = tree.walk(path)
    loose = [
        name for name in (*(f.path for f in found.files), *found.skipped) if not tree.top(name)
    ]
    listing = Listing(
        path,
        tuple(
            ListedPicture(file.path, label, None, file.size, file.mtime_ns, source, file.stamp)
            for file in found.files
            if (label := tree.top(file.path))
        ),
        classes=tuple(folder for folder in found.folders if not tree.top(folder)),
        loose_files=len(loose),
        skipped_files=sum(bool(tree.top(name)) for name in found.skipped),
    )
    _refuse_other_levels(listing)
    return listing


def check(path: str, pattern: str = PATTERN, min_images_per_class: int = 2) -> Listing | None:
    """See `Source.check`."""
    if is_remote(path):
        return None
    listing = list_pictures(path, pattern)
    check_listing(listing, min_images_per_class)
    return listing


def check_listing(listing: Listing, min_images_per_class: int) -> None:
    """Raises DataError for class folders of which the numbers of files make no training set."""
    if not listing.pictures:
        loose = f" ({listing.loose_files} files lie directly in it)" if listing.loose_files else ""
        raise DataError(
            "The data folder must hold one folder of pictures per class, such as roses/1.jpg. "
            f"Received: no picture in any class folder of {listing.path}{loose}; "
            "put the pictures there."
        )
    if len(listing.classes) < 2:
        raise DataError(
            "A classifier needs at least 2 classes. "
            f"Received: only {listing.classes[0]!r} in {listing.path}; "
            "add a folder for each further class."
        )
    counts = dict.fromkeys(listing.classes, 0)
    for picture in listing.pictures:
        counts[picture.label] += 1
    few = [f"{label!r} has {n}" for label, n in counts.items() if n < min_images_per_class]
    if few:
        more = f" and {len(few) - 3} more classes" if len(few) > 3 else ""
        raise DataError(
            f"Each class needs at least {min_images_per_class} pictures. "
            f"Received: {', '.join(few[:3])}{more} in {listing.path}; "
            "add pictures or remove the folder."
        )


def _refuse_other_levels(listing: Listing) -> None:
    """Raises DataError where the top folders are splits or data sets.

    Trained on, they would make a model that answers `train` or `val`, and with a fine accuracy.
    """
    folders = listing.classes
    if len(folders) > 1 and all(folder.casefold() in _SPLITS for folder in folders):
        raise DataError(
            "The data folder must hold a folder per class. "
            f"Received: {listing.path}, whose folders are named like splits ({', '.join(folders)});"
            f" name one of them, such as {join(listing.path, folders[0])}: it is split by itself."
        )
    below: dict[str, set[str]] = {folder: set() for folder in folders}
    for picture in listing.pictures:
        _, *deeper, _ = picture.path.split("/")
        below[picture.label].add(deeper[0] if deeper else "")
    sets = list(below.values())
    if len(sets) > 1 and len(sets[0]) > 1 and "" not in sets[0] and all(s == sets[0] for s in sets):
        raise DataError(
            "The data folder must hold a folder per class. "
            f"Received: {listing.path}, whose folders ({', '.join(folders[:3])}) all hold the same "
            f"folders ({', '.join(sorted(sets[0])[:3])}), as data sets do; name one of them, such "
            f"as {join(listing.path, folders[0])}, or flatten the classes."
        )


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return tree.read(path, picture.path)
