"""The versions and labels that `bitpipe models` has decided on, read again at each look."""

import logging
from collections.abc import Collection
from pathlib import Path

from bitpipe.errors import BitpipeError
from bitpipe.model import release
from serving.server.model_config import VersionPolicy

_log = logging.getLogger(__name__)

# Versions that a label has meant, of which the last may still be loading.
_REMEMBERED = 3


class Released:
    """Follows the decisions beside the versions in `folder`.

    A file that cannot be read, or makes no sense, is told once; what was decided before holds.

    Raises:
        ModelFolderError: it makes no sense at the start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decided = release.read(str(folder))
        self._bearers: dict[str, tuple[int, ...]] = {}  # the latest first
        self._problem = ""

    def policy(self) -> VersionPolicy:
        """Which versions are to be served now."""
        try:
            self._decided = release.read(str(self._folder))
        except BitpipeError as error:
            if str(error) != self._problem:
                _log.error("%s Until then nothing changes.", error)
            self._problem = str(error)
        else:
            self._problem = ""
        labels = self._decided.labels()
        # Another thread may be reading the former ones.
        self._bearers = {
            label: (version, *_without(version, self._bearers.get(label, ())))[:_REMEMBERED]
            for label, version in labels.items()
        }
        return VersionPolicy(specific=tuple(sorted(set(labels.values()))))

    def labels(self, in_service: Collection[int]) -> dict[str, int]:
        """Label -> version; while the version that shall bear it is loaded, the one before it."""
        found = {
            label: next((version for version in versions if version in in_service), None)
            for label, versions in self._bearers.items()
        }
        return {label: version for label, version in found.items() if version is not None}


def _without(version: int, versions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(other for other in versions if other != version)
