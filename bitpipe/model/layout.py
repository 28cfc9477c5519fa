"""TensorFlow Serving's layout, NAME/VERSION/saved_model.pb, by its spelling alone.

Apart from what looks for versions, so that a stage which only needs a name does not depend on it.
"""

from collections.abc import Callable, Collection, Iterable

# Pusher writes this file last: without it a version is not complete yet.
SAVED_MODEL = "saved_model.pb"
_MAX_VERSION = 2**63 - 1  # int64 in ModelSpec
_SHOWN = 12  # versions in a sentence


def as_version(name: str) -> int | None:
    """The version that a folder of this name holds; None where it is none."""
    if not (name.isascii() and name.isdigit()):
        return None
    version = int(name)
    return version if 0 < version <= _MAX_VERSION else None


def pushed_at(version: int) -> int | None:
    """When a version was pushed, in Unix seconds, which are what TFX numbers versions by.

    None for numbers that people give, such as 3: before 2001-09-09 or after 2096-10-02.
    """
    return version if 10**9 <= version < 4 * 10**9 else None


def complete_versions(names: Iterable[str], has_model: Callable[[str], bool]) -> dict[int, str]:
    """Version -> name of its folder; of several for a version, 007 and 7, the last by its name.

    Args:
        names: of folders that lie beside each other.
        has_model: whether the folder of a name holds SAVED_MODEL; asked for versions alone.
    """
    found = {}
    for name in sorted(names):
        version = as_version(name)
        if version is not None and has_model(name):
            found[version] = name
    return found


def in_words(versions: Collection[int]) -> str:
    """`1, 2, 3`, the newest ones of many."""
    newest = sorted(versions)[-_SHOWN:]
    older = len(versions) - len(newest)
    return ", ".join(map(str, newest)) + (f" and {older} older ones" if older else "")
