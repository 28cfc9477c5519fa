"""Keeps the versions of one model in service that its policy asks for while its folder changes."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bitpipe.errors import ModelLoadError
from bitpipe.model.versions import find_versions
from serving.server.failed_loads import FailedLoads, files_of
from serving.server.model_config import VersionPolicy
from serving.status import Code, StatusError

_log = logging.getLogger(__name__)


class Servable(Protocol):
    """A loaded version."""

    def close(self) -> None:
        """Frees what the version holds."""


# What to serve, or who is asked for it at each look at the folder.
Policy = VersionPolicy | Callable[[], VersionPolicy]

ServableT = TypeVar("ServableT", bound=Servable)


@dataclass(frozen=True)
class VersionState:
    """State of a version, by the names of ModelVersionStatus.State, and why it failed if it did."""

    state: str
    error_code: int = 0
    error_message: str = ""


class _Lease(Generic[ServableT]):
    """A servable, the requests that use it, and whether it may be closed after the last of them."""

    def __init__(self, version: int, servable: ServableT) -> None:
        self.version = version
        self.servable = servable
        self.requests = 0
        self.retired = False


class ModelManager(Generic[ServableT]):
    """Serves the versions in `folder` that the policy prefers and that load; watches for others.

    A version is loaded while its predecessor answers; requests then move over at once, and the
    predecessor is closed after its last request. A version that fails to load is reported, and
    tried again when its files have changed and a few times if not (`FailedLoads`), until its folder
    is gone; the next in line is served instead. If all folders are removed, what is in service
    stays.

    Args:
        folder: holds the numbered versions.
        load: makes a version ready to answer, warmed up. Called with folder and version.
        policy: which versions, or what tells that at each look; the newest unless told otherwise.
        poll_interval_s: seconds between two looks at the folder.
        failed: decides when a version that failed to load is tried again.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[Path, int], ServableT],
        *,
        policy: Policy | None = None,
        poll_interval_s: float = 1.0,
        failed: FailedLoads | None = None,
    ) -> None:
        self._folder = folder
        self._load = load
        self._policy: Policy = policy or VersionPolicy()
        self._poll_interval_s = poll_interval_s
        self._lock = threading.Lock()  # guards the two below
        self._leases: dict[int, _Lease[ServableT]] = {}
        self._states: dict[int, VersionState] = {}
        self._polling = threading.Lock()
        self._failed = failed or FailedLoads()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="model-watcher", daemon=True)

    def start(self) -> None:
        """Loads a version, then watches the folder in a thread.

        Raises:
            ModelLoadError: no version can be loaded.
        """
        self.poll()
        if not self._leases:
            failures = [
                f"version {version}: {state.error_message}"
                for version, state in sorted(self.states().items(), reverse=True)
            ]
            raise ModelLoadError(
                f"No version in {self._folder} can be loaded. Received: "
                f"{'; '.join(failures) or 'an empty folder'}. Push the model again."
            )
        self._watcher.start()

    def stop(self) -> None:
        """Stops watching and closes the version in service once its requests are answered."""
        self._stopped.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._retire(list(self._leases))

    def poll(self, policy: Policy | None = None) -> None:
        """Looks at the folder once.

        Args:
            policy: the one to follow from now on.
        """
        with self._polling:
            self._policy = policy or self._policy
            wanted = self._policy() if callable(self._policy) else self._policy
            found = find_versions(self._folder)
            self._forget_failures(self._failed.keep(found))
            served: list[int] = []
            for version in wanted.candidates(found):
                if len(served) == wanted.limit:
                    break
                if version in self._leases or (
                    self._failed.is_due(version, found[version])
                    and self._try_load(version, found[version])
                ):
                    served.append(version)
            if served:
                self._retire([version for version in self._leases if version not in served])

    def states(self) -> dict[int, VersionState]:
        """State of every version seen since the start."""
        with self._lock:
            return dict(self._states)

    @property
    def version(self) -> int | None:
        """The newest version in service."""
        with self._lock:
            return max(self._leases, default=None)

    @contextmanager
    def acquire(self, version: int | None = None) -> Iterator[tuple[int, ServableT]]:
        """Lends (version, servable), which stays open for as long as it is lent.

        Args:
            version: the one wanted; None for the newest in service.

        Raises:
            LookupError: the version wanted is not in service.
        """
        with self._lock:
            lease = self._leases[max(self._leases, default=0) if version is None else version]
            lease.requests += 1
        try:
            yield lease.version, lease.servable
        finally:
            with self._lock:
                lease.requests -= 1
                last = lease.retired and not lease.requests
            if last:
                self._close(lease)

    def _watch(self) -> None:
        while not self._stopped.wait(self._poll_interval_s):
            try:
                self.poll()
            except OSError:  # a network folder may be away for a while
                _log.exception("Cannot look for versions in %s", self._folder)

    def _forget_failures(self, versions: list[int]) -> None:
        with self._lock:
            for version in versions:
                del self._states[version]

    def _try_load(self, version: int, path: Path) -> bool:
        files = files_of(path)
        self._set_state(version, VersionState("LOADING"))
        _log.info("Loading version %d in %s", version, path.parent)
        try:
            servable = self._load(path, version)
        # Whatever a model does while it loads, the version in service goes on.
        except Exception as error:
            text = str(error) or repr(error)
            _log.error(  # whose folder it is wants the reason, not our code
                "Version %d in %s cannot be loaded (%s). It is tried again when its files change.",
                version,
                path.parent,
                text,
            )
            _log.debug("Version %d cannot be loaded", version, exc_info=True)
            code = error.code if isinstance(error, StatusError) else Code.UNKNOWN
            self._failed.add(version, files)
            self._set_state(version, VersionState("END", code, text))
            return False
        self._failed.forget(version)
        with self._lock:
            self._leases[version] = _Lease(version, servable)
            self._states[version] = VersionState("AVAILABLE")
        _log.info("Version %d in %s is in service", version, path.parent)
        return True

    def _retire(self, versions: list[int]) -> None:
        with self._lock:
            leases = [self._leases.pop(version) for version in versions]
            for lease in leases:
                self._states[lease.version] = VersionState("UNLOADING")
                lease.retired = True
            idle = [lease for lease in leases if not lease.requests]
        for lease in idle:
            self._close(lease)

    def _close(self, lease: _Lease[ServableT]) -> None:
        lease.servable.close()
        self._set_state(lease.version, VersionState("END"))
        _log.info("Version %d is unloaded", lease.version)

    def _set_state(self, version: int, state: VersionState) -> None:
        with self._lock:
            self._states[version] = state
