"""All sources by their names, and the one that `data.pattern` asks for; standard library only."""

from collections.abc import Mapping
from types import MappingProxyType

from components.image_example_gen.listing import Listing
from components.image_example_gen.sources import class_folders, spans
from components.image_example_gen.sources.source import Source

_SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.NAME: source for source in (class_folders, spans)}
)


def by_name(name: str) -> Source:
    """The source of that `NAME`, as a listed picture bears it."""
    return _SOURCES[name]


def for_pattern(pattern: str) -> Source:
    """The source of what `data.pattern` describes."""
    return class_folders if pattern == class_folders.PATTERN else spans


def check_folder(
    path: str, *, pattern: str = class_folders.PATTERN, min_images_per_class: int = 2
) -> Listing | None:
    """Refuses a data folder that cannot become a training set, before a framework is imported.

    Returns:
        What is listed; None where only the ingest can tell, see `Source.check`.

    Raises:
        DataError: the rule that is broken, what was found and what to do.
    """
    return for_pattern(pattern).check(path, pattern, min_images_per_class)
