"""A picture on each side for every class, where the hash of the pixels left one empty.

By the hash alone, one class of five pictures in three would have none to be judged by.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from components.image_example_gen.outcomes import AcceptedFile


def moves(
    files: Iterable[AcceptedFile], required: Collection[str], fixed: Collection[str] = ()
) -> dict[str, str]:
    """Which pictures have to change sides, by their digests, and to which split.

    Of a class that has none in a required split, the picture with the smallest digest goes there,
    with all its copies in whatever class; never so that a class loses its last one in another
    required split. So equal pictures stay on one side, the answer depends on the pixels alone, and
    a picture that is added to a class changes the side of one other in it at most.

    Args:
        files: all that became examples, with the splits of their hashes.
        required: splits in which each class needs a picture.
        fixed: names of files which were given a split, and keep it.

    Returns:
        digest -> split. A class that is not helped by it has too few different pictures.
    """
    fixed = frozenset(fixed)
    by_class: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    labels: dict[str, set[str]] = defaultdict(set)
    split_of: dict[str, str] = {}
    kept: set[str] = set()
    for file in files:
        by_class[file.label][file.split].add(file.sha256)
        labels[file.sha256].add(file.label)
        split_of[file.sha256] = file.split
        if file.filename in fixed:
            kept.add(file.sha256)

    moved: dict[str, str] = {}
    for label in sorted(by_class):
        for split in required:
            if by_class[label][split]:
                continue
            for digest in sorted(set().union(*by_class[label].values()) - kept):
                source = split_of[digest]
                sides = [by_class[other] for other in labels[digest]]
                if source in required and any(side[source] == {digest} for side in sides):
                    continue
                for side in sides:
                    side[source].discard(digest)
                    side[split].add(digest)
                split_of[digest] = moved[digest] = split
                break
    return moved
