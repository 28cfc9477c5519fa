"""`DIR/<class>/**/<file>`: the first folder on a picture's way is its class."""

from bitpipe.errors import DataError
from bitpipe.stores.paths import is_remote, join
from bitpipe.wording import counted
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import given_splits, manifest, tree
from components.image_example_gen.sources.options import SourceOptions

NAME = "class_folders"


def from_tree(found: tree.Tree, options: SourceOptions) -> Listing:
    """See `Source.from_tree`."""
    _refuse_other_levels(found, sure=options.source == NAME)
    return list_tree(found, NAME)


def list_tree(found: tree.Tree, source: str) -> Listing:
    """The class folders of a tree, for the source of that name, which reads them, too."""
    loose = sum(not tree.top(file.path) for file in (*found.files, *found.skipped))
    pictures = tuple(
        ListedPicture(file.path, label, None, file.size, file.mtime_ns, source, file.stamp)
        for file in found.files
        if (label := tree.top(file.path))
    )
    classes = tuple(folder for folder in found.folders if not tree.top(folder))
    return Listing(
        found.path,
        pictures,
        classes=classes,
        loose_files=loose,
        skipped_files=sum(bool(tree.top(file.path)) for file in found.skipped),
        found=found.found,
        recognised=f"class folders: {len(classes)} with {counted(len(pictures), 'file')}",
    )


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return tree.read(path, picture.path)


def _refuse_other_levels(found: tree.Tree, *, sure: bool) -> None:
    """Raises DataError where the folder is one too high or too low, and suggests the right one.

    Trained on, splits or data sets would make a model that answers `train` or `2025`, and with a
    fine accuracy.

    Args:
        found: the folder.
        sure: its folders are classes, as the user says; only where there are none is that refused.
    """
    folders = sorted(folder for folder in found.folders if not tree.top(folder))
    pictures = [file.path for file in found.files if tree.top(file.path)]
    if not pictures:
        raise DataError(_no_class(found))
    if sure:
        return
    way = tree.single_way(found)
    if way and _has_folders(found, way):
        raise DataError(
            "The data folder must hold a folder per class. "
            f"Received: {found.path}, one folder too high: all is in {way}; "
            f"name {join(found.path, way)}."
        )
    if len(folders) > 1 and all(given_splits.named(folder) for folder in folders):
        raise DataError(
            "Folders named like splits must hold a folder per class each, as in train/roses/1.jpg. "
            f"Received: {found.path} with {', '.join(folders)}, and pictures directly in them; "
            "sort them by class, or, if these are the classes, set data.source=class_folders."
        )
    below: dict[str, set[str]] = {folder: set() for folder in folders}
    for path in pictures:
        folder, *deeper, _ = path.split("/")
        below[folder].add(deeper[0] if deeper else "")
    sets = list(below.values())
    if len(sets) < 2 or len(sets[0]) < 2 or "" in sets[0] or any(one != sets[0] for one in sets):
        return
    inner = sorted(sets[0])
    if all(map(given_splits.named, inner)):
        raise DataError(
            "Splits must lie above the classes, as in train/roses/1.jpg. "
            f"Received: {found.path}, whose classes ({', '.join(folders[:3])}) hold "
            f"{', '.join(inner)}; move them up, or name the pictures in a manifest with the column "
            "split."
        )
    raise DataError(
        "The data folder must hold a folder per class. "
        f"Received: {found.path}, whose folders ({', '.join(folders[:3])}) all hold the same "
        f"folders ({', '.join(inner[:3])}), as data sets do; name one of them, such "
        f"as {join(found.path, folders[0])}, or flatten the classes; or, if the upper ones are the "
        "classes, set data.source=class_folders."
    )


def _has_folders(found: tree.Tree, way: str) -> bool:
    prefix = f"{way}/"
    steps = {one[len(prefix) :] for one in found.folders if one.startswith(prefix)}
    return sum("/" not in step for step in steps) > 1


def _no_class(found: tree.Tree) -> str:
    loose = [file.path for file in found.files if not tree.top(file.path)]
    holds = f" (directly in it: {counted(len(loose), 'file')})" if loose else ""
    remedy = "put the pictures there"
    if loose and (parent := _parent_of_classes(found.path)):
        remedy = f"it looks like one class: name the folder above, {parent}"
    packed = sorted(file.path for file in found.skipped if tree.is_archive(file.path))
    tables = sorted(file.path for file in found.skipped if manifest.is_named(file.path))
    if tables:
        remedy = f"if {join(found.path, tables[0])} lists pictures with their labels, name it"
    elif packed and not loose:
        remedy = f"name the archive, {join(found.path, packed[0])}, or unpack it"
    return (
        "The data folder must hold one folder of pictures per class, such as roses/1.jpg. "
        f"Received: no picture in any class folder of {found.path}{holds}; {remedy}."
    )


def _parent_of_classes(path: str) -> str:
    """The folder above where it holds other folders too; empty where it does not, or none knows."""
    if is_remote(path) or tree.archive_kind(path):
        return ""
    return tree.parent_of_several(path)
