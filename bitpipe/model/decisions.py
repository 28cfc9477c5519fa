"""What can be decided about the versions of a model, and when it cannot.

Rules on numbers alone: what is read and written is `bitpipe.model.release`'s and the caller's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from bitpipe.errors import ModelFolderError
from bitpipe.model import layout
from bitpipe.model.release import CANARY, STABLE, Event, Release, Withdrawal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """Who decides, when (Unix seconds) and why."""

    by: str
    at: int
    why: str = ""

    def event(
        self, action: str, version: int, *, before: int | None = None, label: str = ""
    ) -> Event:
        """What is kept of it."""
        return Event(self.at, action, version, before, label, self.by, self.why)

    def withdrawal(self, digest: str) -> Withdrawal:
        """What is kept of a version that it takes out of service."""
        return Withdrawal(digest, self.at, self.by, self.why)


def promote(
    release: Release, found: Collection[int], version: int, label: str, decision: Decision
) -> Release:
    """Gives a label, and with `stable` the requests, to a version.

    Raises:
        ModelFolderError: there is no such version, it has the label already, or it would be a step
            back.
    """
    require(found, version)
    served = _served(release, found)
    canary: int | None
    before: int | None
    if label == CANARY:
        if version == served:
            raise ModelFolderError(
                f"Version {version} is in service: another one can be tried beside it."
            )
        if version == release.canary:
            raise ModelFolderError(f"Version {version} is the canary already.")
        stable, canary = served, version
        before = release.canary
    else:
        if version == served and release.stable is not None:
            raise ModelFolderError(f"Version {version} is in service already.")
        if version < served:
            raise ModelFolderError(
                f"Version {version} is older than {served}, which is in service. Going back is "
                f"`bitpipe models rollback --to {version}`: then {served} is not pushed again."
            )
        stable = version
        before = served
        canary = None if release.canary == version else release.canary
    return dataclasses.replace(
        release,
        stable=stable,
        canary=canary,
        withdrawn=_without(release.withdrawn, version),
        history=(
            *release.history,
            decision.event("promote", version, before=before, label=label),
        ),
    )


def rollback_target(release: Release, found: Collection[int]) -> int:
    """The newest version before the one in service that was not withdrawn.

    Raises:
        ModelFolderError: there is none.
    """
    served = _served(release, found)
    older = [version for version in found if version < served and version not in release.withdrawn]
    if not older:
        raise ModelFolderError(
            f"There is no version before {served}, which is in service, to go back to."
        )
    return max(older)


def rolled_back(release: Release, found: Collection[int], target: int) -> list[int]:
    """The versions that going back to `target` withdraws, oldest first.

    Raises:
        ModelFolderError: there is no such version, or it is not older than the one in service.
    """
    require(found, target)
    served = _served(release, found)
    if target >= served:
        raise ModelFolderError(
            f"Version {target} is {'in service already' if target == served else 'newer'}: going "
            f"back leads to a version older than {served}. Going on is "
            f"`bitpipe models promote {target}`."
        )
    gone = {served, *(version for version in found if target < version <= served)}
    if release.canary is not None and release.canary > target:
        gone.add(release.canary)
    return sorted(gone)


def rollback(
    release: Release,
    found: Collection[int],
    target: int,
    digests: Mapping[int, str],
    decision: Decision,
) -> Release:
    """Puts an older version into service, and remembers what came after it.

    Args:
        release: before.
        found: the versions that are there.
        target: an older version.
        digests: of those of `rolled_back` whose model is known.
        decision: who decides.
    """
    gone = rolled_back(release, found, target)
    withdrawn = {version: decision.withdrawal(digests.get(version, "")) for version in gone}
    return dataclasses.replace(
        release,
        stable=target,
        canary=None if release.canary in {*gone, target} else release.canary,
        withdrawn={**_without(release.withdrawn, target), **withdrawn},
        history=(
            *release.history,
            decision.event("rollback", target, before=_served(release, found), label=STABLE),
        ),
    )


def end_trial(release: Release, digest: str, decision: Decision) -> Release:
    """Takes the canary back; what is in service stays.

    Raises:
        ModelFolderError: there is none.
    """
    if release.canary is None or release.stable is None:
        raise ModelFolderError("There is no canary to take back.")
    return dataclasses.replace(
        release,
        canary=None,
        withdrawn={**release.withdrawn, release.canary: decision.withdrawal(digest)},
        history=(
            *release.history,
            decision.event("rollback", release.stable, before=release.canary, label=CANARY),
        ),
    )


def pin(
    release: Release, found: Collection[int], version: int, wanted: bool, decision: Decision
) -> Release:
    """Keeps a version from being removed, or no longer.

    Raises:
        ModelFolderError: there is no such version, or it is as wanted already.
    """
    require(found, version)
    if (version in release.pinned) == wanted:
        raise ModelFolderError(f"Version {version} is {'' if wanted else 'not '}pinned already.")
    pinned = {*release.pinned, version} if wanted else {*release.pinned} - {version}
    return dataclasses.replace(
        release,
        pinned=tuple(sorted(pinned)),
        history=(*release.history, decision.event("pin" if wanted else "unpin", version)),
    )


def pushed(release: Release, version: int, decision: Decision) -> Release:
    """A version that the gate has let through, and the Pusher has written or found there.

    It goes into service, unless another one is tried at the time: then it waits to be named.
    """
    if release.stable is None or release.canary is not None or version == release.stable:
        return release
    return dataclasses.replace(
        release,
        stable=version,
        history=(
            *release.history,
            decision.event("push", version, before=release.stable, label=STABLE),
        ),
    )


def superfluous(release: Release, found: Collection[int], keep: int) -> list[int]:
    """The versions to remove, oldest first.

    The newest `keep` stay, and so does what is in service, bears a label or is pinned.
    """
    kept = {*sorted(found)[-keep:], *release.pinned, *release.labels().values()}
    served = release.served(found)
    # Where the one in service is gone, nobody knows what is still needed.
    return [] if served is None else sorted(set(found) - kept - {served})


def require(found: Collection[int], version: int) -> None:
    """Raises ModelFolderError where a version is not there."""
    if version not in found:
        raise ModelFolderError(
            f"There is no version {version}. There are {layout.in_words(found)}."
        )


def _served(release: Release, found: Collection[int]) -> int:
    """The version in service, there or not."""
    return max(found) if release.stable is None else release.stable


def _without(withdrawn: Mapping[int, Withdrawal], version: int) -> dict[int, Withdrawal]:
    return {number: known for number, known in withdrawn.items() if number != version}
