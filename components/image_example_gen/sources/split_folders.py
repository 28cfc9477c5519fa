"""`DIR/train/<class>/**/<file>`, and val and test beside it: a data set that is split already."""

from bitpipe.errors import DataError
from components.image_example_gen.listing import ListedPicture, Listing
from components.image_example_gen.sources import given_splits, tree
from components.image_example_gen.sources.options import SourceOptions

NAME = "split_folders"


def fits(found: tree.Tree) -> bool:
    """Whether all folders are named like splits, that for training among them, and hold classes."""
    folders = [folder for folder in found.folders if not tree.top(folder)]
    if len(folders) < 2 or not all(map(given_splits.named, folders)):
        return False
    return any(
        given_splits.named(tree.top(file.path)) == given_splits.TRAIN
        and tree.top(file.path.partition("/")[2])
        for file in found.files
    )


def from_tree(found: tree.Tree, options: SourceOptions) -> Listing:  # noqa: ARG001  # an interface
    """See `Source.from_tree`."""
    folders = [folder for folder in found.folders if not tree.top(folder)]
    strange = sorted(folder for folder in folders if given_splits.named(folder) is None)
    if strange or not any(given_splits.named(one) == given_splits.TRAIN for one in folders):
        received = ", ".join(sorted(folders)[:5]) or "no folder"
        raise DataError(
            "A data folder that is split must hold train, and val or test beside it, and nothing "
            f"else. Received: {received} in {found.path}; rename or move the others, or leave "
            "data.source to auto."
        )
    given: list[ListedPicture] = []
    for file in found.files:
        split, _, rest = file.path.partition("/")
        if label := tree.top(rest):
            own = given_splits.named(split)
            given.append(
                ListedPicture(file.path, label, own, file.size, file.mtime_ns, NAME, file.stamp)
            )
    labels = {label for _, slash, label in (one.partition("/") for one in found.folders) if slash}
    skipped = sum(file.path.count("/") >= 2 for file in found.skipped)
    settled = given_splits.settle(given)
    return Listing(
        found.path,
        settled,
        classes=tuple(label for label in labels if "/" not in label),
        loose_files=found.found - len(given) - skipped,
        skipped_files=skipped,
        found=found.found,
        recognised=f"pre-split folders: {given_splits.in_words(given, settled)}",
    )


def read(path: str, picture: ListedPicture) -> bytes:
    """See `Source.read`."""
    return tree.read(path, picture.path)
