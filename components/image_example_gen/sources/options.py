"""What a source can be told about the data it lists; standard library only."""

import re
from dataclasses import dataclass

from bitpipe.errors import ConfigError

AUTO = "auto"
# A folder per class, with nothing above.
NO_SPANS = "*/*"
_GROUP = "group"


@dataclass(frozen=True)
class SourceOptions:
    """The settings of the same names in the section `data`.

    Raises ConfigError for what contradicts itself.

    Attributes:
        pattern: `*/*`, or spans of class folders, with their numbers filled in.
        source: the name of a source; `auto` where the data themselves tell.
        group: a regular expression with the group `group`; empty for none.
        image_feature: the feature with the encoded picture in TFRecords; empty where it has one of
            the usual names.
        label_feature: the same of the label.
    """

    pattern: str = NO_SPANS
    source: str = AUTO
    group: str = ""
    image_feature: str = ""
    label_feature: str = ""

    def __post_init__(self) -> None:
        if self.group:
            _check_group(self.group)
        if self.source not in (AUTO, "spans") and self.pattern != NO_SPANS:
            raise ConfigError(
                f"data.pattern {self.pattern!r} names spans, and data.source is {self.source!r}; "
                "leave one of them out."
            )
        if self.source == "spans" and self.pattern == NO_SPANS:
            raise ConfigError(
                "data.source spans wants a data.pattern, such as span-{SPAN}/*/*. "
                f"Received: {self.pattern!r}."
            )

    def group_of(self, path: str) -> str | None:
        """The group of a picture by its path; None where the pattern does not match."""
        found = re.search(self.group, path) if self.group else None
        return found[_GROUP] if found else None


def _check_group(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        problem = f"which is no regular expression ({error})"
    else:
        if _GROUP in groups:
            return
        problem = "which has no group of that name"
    raise ConfigError(
        "data.group must be a regular expression with a group named group, such as "
        f"(?P<group>patient\\d+). Received: {pattern!r}, {problem}."
    )
