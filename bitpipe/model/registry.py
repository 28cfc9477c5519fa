"""The versions of a model on a disk or in a store: what is known of them, and decisions on them."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bitpipe.errors import ModelLoadError, StoreError
from bitpipe.model import decisions, description, evaluation, origin, release, versions
from bitpipe.model.decisions import Decision
from bitpipe.model.evaluation import Evaluation
from bitpipe.model.interval import difference, wilson
from bitpipe.model.layout import pushed_at
from bitpipe.model.origin import Origin
from bitpipe.model.release import CANARY, STABLE, Release, Withdrawal

# Files of a store that are read at a time.
_THREADS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    """What is known of a version.

    Attributes:
        version: its number.
        path: its folder.
        pushed_at: when, Unix seconds; None where the number does not tell.
        in_service: whether requests that name nothing else are answered by it.
        labels: `stable`, `canary`.
        pinned: it is never removed.
        withdrawn: who rolled back from it; None where nobody did.
        evaluation: how well it did; None where nothing tells.
        variant: its network; None where it does not say.
        classes: names, in the order of the scores.
        origin: where it comes from.
    """

    version: int
    path: str
    pushed_at: int | None
    in_service: bool
    labels: tuple[str, ...]
    pinned: bool
    withdrawn: Withdrawal | None
    evaluation: Evaluation | None
    variant: str | None
    classes: tuple[str, ...]
    origin: Origin

    @property
    def interval(self) -> tuple[float, float] | None:
        """In which the accuracy on all such pictures is, with 95% confidence (Wilson)."""
        judged = self.evaluation
        return wilson(judged.accuracy, judged.pictures) if judged else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "version": self.version,
            "path": self.path,
            "pushed_at": self.pushed_at,
            "in_service": self.in_service,
            "labels": list(self.labels),
            "pinned": self.pinned,
            "withdrawn": dataclasses.asdict(self.withdrawn) if self.withdrawn else None,
            "accuracy": self.evaluation.accuracy if self.evaluation else None,
            "accuracy_interval": list(self.interval) if self.interval else None,
            "evaluation_pictures": self.evaluation.pictures if self.evaluation else None,
            "variant": self.variant,
            "class_names": list(self.classes),
            **dataclasses.asdict(self.origin),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """How version `second` differs from version `first`.

    Attributes:
        first: what is compared with.
        second: what is compared.
        change: of the accuracy; None where one of them was not judged.
        interval: in which it is on all such pictures, with 95% confidence, as if they had been
            judged on different pictures (Newcombe).
        same_data: both were made from the same pictures; None where one does not tell.
        added: classes of `second` alone.
        removed: classes of `first` alone.
    """

    first: Version
    second: Version
    change: float | None
    interval: tuple[float, float] | None
    same_data: bool | None
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def clear(self) -> bool:
        """Whether the one is better than the other by more than chance would have it."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first.as_dict(),
            "second": self.second.as_dict(),
            "accuracy_change": self.change,
            "accuracy_change_interval": list(self.interval) if self.interval else None,
            "clear": self.clear,
            "same_data": self.same_data,
            "added_classes": list(self.added),
            "removed_classes": list(self.removed),
        }


class Registry:
    """A model's versions, and which one is in service.

    Args:
        models: holds NAME/VERSION/, or the numbered versions themselves; a path or an address.
        name: the model's; None for that of the only one.

    Attributes:
        folder: of the versions.

    Raises:
        ModelFolderError: there is no version, or several models and no name.
        StoreError: the store is unknown here, or cannot be listed.
    """

    def __init__(self, models: str, name: str | None = None) -> None:
        self.folder, self._found = versions.find(models, name or versions.only_model(models))

    @property
    def name(self) -> str:
        """The model's name."""
        return release.model_name(self.folder)

    @property
    def release(self) -> Release:
        """What is decided."""
        return release.read(self.folder)

    def versions(self) -> list[Version]:
        """All versions, the newest first."""
        decided = self.release
        newest_first = sorted(self._found, reverse=True)
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(lambda version: self._known(version, decided), newest_first))

    def version(self, number: int) -> Version:
        """One of them; ModelFolderError where it is not there."""
        decisions.require(self._found, number)
        return self._known(number, self.release)

    def newest(self) -> int:
        """The newest version."""
        return max(self._found)

    def compare(self, first: int, second: int) -> Comparison:
        """How version `second` differs from version `first`."""
        one, other = self.version(first), self.version(second)
        change = interval = None
        if one.evaluation and other.evaluation:
            before, after = one.evaluation, other.evaluation
            change = after.accuracy - before.accuracy
            interval = difference(before.accuracy, before.pictures, after.accuracy, after.pictures)
        known = one.origin.data and other.origin.data
        return Comparison(
            first=one,
            second=other,
            change=change,
            interval=interval,
            same_data=one.origin.data == other.origin.data if known else None,
            added=tuple(label for label in other.classes if label not in one.classes),
            removed=tuple(label for label in one.classes if label not in other.classes),
        )

    def promote(self, version: int, label: str, decision: Decision) -> Release:
        """See `decisions.promote`."""
        return self._decide(
            lambda decided: decisions.promote(decided, self._found, version, label, decision)
        )

    def rollback(self, target: int | None, decision: Decision) -> Release:
        """See `decisions.rollback`; to the version before the one in service if None is named."""

        def back(decided: Release) -> Release:
            to = decisions.rollback_target(decided, self._found) if target is None else target
            gone = decisions.rolled_back(decided, self._found, to)
            digests = {version: self._digest(version) for version in gone}
            return decisions.rollback(decided, self._found, to, digests, decision)

        return self._decide(back)

    def end_trial(self, decision: Decision) -> Release:
        """See `decisions.end_trial`."""
        return self._decide(
            lambda decided: decisions.end_trial(
                decided, "" if decided.canary is None else self._digest(decided.canary), decision
            )
        )

    def pin(self, version: int, wanted: bool, decision: Decision) -> Release:
        """See `decisions.pin`."""
        return self._decide(
            lambda decided: decisions.pin(decided, self._found, version, wanted, decision)
        )

    def _decide(self, change: Callable[[Release], Release]) -> Release:
        with release.held(self.folder):
            after = change(release.read(self.folder))
            try:
                release.write(self.folder, after)
            except StoreError:  # says all of it
                raise
            except OSError as error:
                raise StoreError(
                    f"What was decided cannot be written into {self.folder}: "
                    f"{error.strerror or error}. Make room, or look after your rights."
                ) from error
        return after

    def _digest(self, version: int) -> str:
        """Of the model, where it says so: the Pusher finds out the others."""
        path = self._found.get(version)
        return (origin.read(path).digest or "") if path else ""

    def _known(self, version: int, decided: Release) -> Version:
        path = self._found[version]
        try:
            described = description.read(path)
        except ModelLoadError:  # of another bitpipe: the rest is known all the same
            described = None
        try:
            judged, told = evaluation.read(path), origin.read(path)
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        labels = decided.labels().items()
        return Version(
            version=version,
            path=path,
            pushed_at=pushed_at(version),
            in_service=decided.served(self._found) == version,
            labels=tuple(label for label, number in labels if number == version),
            pinned=version in decided.pinned,
            withdrawn=decided.withdrawn.get(version),
            evaluation=judged,
            variant=described.variant if described else None,
            classes=described.labels if described else (),
            origin=told,
        )


def decision(why: str, by: str | None = None) -> Decision:
    """A decision that is made now, by whoever runs this unless another is named."""
    return Decision(by=by or _somebody(), at=int(time.time()), why=why)


def _somebody() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


__all__ = ["CANARY", "STABLE", "Comparison", "Registry", "Version", "decision"]
