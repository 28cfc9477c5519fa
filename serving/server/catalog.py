"""The models of a server by name, and which version of them a request means."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitpipe.errors import ModelFolderError
from bitpipe.model import release
from bitpipe.model.evaluation import Evaluation
from bitpipe.model.layout import SAVED_MODEL
from bitpipe.model.versions import find_versions
from serving import texts
from serving.server.loaded import LoadedModel
from serving.server.manager import ModelManager, Policy, VersionState
from serving.server.model_config import ModelConfig, VersionPolicy
from serving.server.released import Released
from serving.status import FailedPreconditionError, InvalidArgumentError, NotFoundError

_MAX_NAMED = 10  # models that a reply lists


class Catalog:
    """Several models, each watched by a `ModelManager`.

    Args:
        load: makes a version ready to answer. Called with the model's name and its folder.
        poll_interval_s: seconds between two looks at the folders.
    """

    def __init__(
        self, load: Callable[[str, Path], LoadedModel], *, poll_interval_s: float = 1.0
    ) -> None:
        self._load = load
        self._poll_interval_s = poll_interval_s
        self._managers: dict[str, ModelManager[LoadedModel]] = {}
        self._configs: dict[str, ModelConfig] = {}
        self._released: dict[str, Released] = {}
        self._configuring = threading.Lock()

    def configure(self, configs: Iterable[ModelConfig]) -> None:
        """Serves just these models from now on. Blocks until those that are new are loaded.

        What is in service stays so where anything fails.

        Raises:
            ModelFolderError, ModelLoadError: a model without any version that loads.
            FailedPreconditionError: a label for a version that is not in service.
        """
        wanted = {config.name: config for config in configs}
        with self._configuring:
            started: dict[str, ModelManager[LoadedModel]] = {}
            released = {
                name: Released(config.folder) for name, config in wanted.items() if config.released
            }
            try:
                for name, config in wanted.items():
                    known = self._configs.get(name)
                    if known is None or known.folder != config.folder:
                        started[name] = self._start(config, _policy(config, released))
                    elif known.policy != config.policy or known.released or config.released:
                        self._managers[name].poll(_policy(config, released))
                managers = {name: started.get(name) or self._managers[name] for name in wanted}
                _check_labels(wanted.values(), managers)
            except BaseException:
                for manager in started.values():
                    manager.stop()
                for name, config in self._configs.items():
                    self._managers[name].poll(_policy(config, self._released))
                raise
            gone = [
                manager
                for name, manager in self._managers.items()
                if managers.get(name) is not manager
            ]
            self._managers, self._configs = managers, wanted
            self._released = released
            for manager in gone:
                manager.stop()

    def stop(self) -> None:
        """Closes all versions once their requests are answered."""
        for manager in self._managers.values():
            manager.stop()

    @contextmanager
    def acquire(self, spec: Any) -> Iterator[tuple[int, LoadedModel]]:
        """Lends (version, model) for a ModelSpec; the model stays loaded for as long.

        Raises:
            StatusError: no such model, version or label, in TensorFlow Serving's words.
        """
        if not spec.name:
            raise InvalidArgumentError("ModelSpec has no name specified.")
        version = self._version(spec)
        manager = self._managers.get(spec.name)
        try:
            if manager is None:
                raise LookupError
            lease = manager.acquire(version)
            entered = lease.__enter__()
        except LookupError as error:
            wanted = (
                f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
            )
            raise NotFoundError(f"{texts.NO_SERVABLE}{wanted}. {self._served()}") from error
        try:
            yield entered
        finally:
            lease.__exit__(None, None, None)

    def states(self, spec: Any) -> dict[int, VersionState]:
        """The versions that a ModelSpec means, newest first, and what became of them.

        A label does not matter, as in TensorFlow Serving (get_model_status_impl.cc).

        Raises:
            NotFoundError: no such model or version, in TensorFlow Serving's words.
        """
        version = spec.version.value if spec.HasField("version") else None
        manager = self._managers.get(spec.name)
        states = manager.states() if manager else {}
        if version is not None:
            if version not in states:
                raise NotFoundError(f"Could not find version {version} of model {spec.name}")
            return {version: states[version]}
        if not states:
            raise NotFoundError(f"Could not find any versions of model {spec.name}")
        return dict(sorted(states.items(), reverse=True))

    def versions(self) -> dict[str, int | None]:
        """Name -> newest version in service."""
        return {name: manager.version for name, manager in self._managers.items()}

    def has(self, name: str) -> bool:
        """Whether there is a model of this name, in service or not."""
        return name in self._managers

    def labels(self, name: str) -> dict[str, int]:
        """Label -> version of a model; none for an unknown one."""
        if (released := self._released.get(name)) is not None:
            states = self._managers[name].states()
            return released.labels([v for v in states if states[v].state == "AVAILABLE"])
        config = self._configs.get(name)
        return dict(config.labels) if config else {}

    def evaluations(self, name: str) -> dict[int, Evaluation]:
        """Version -> how well it did when it was judged; of those in service that tell."""
        found: dict[int, Evaluation] = {}
        manager = self._managers.get(name)
        if manager is None:
            return found
        for version in manager.states():
            try:
                with manager.acquire(version) as (_, model):
                    if model.evaluation is not None:
                        found[version] = model.evaluation
            except LookupError:  # not in service
                continue
        return found

    def loaded(self) -> Iterator[tuple[str, int]]:
        """(name, version) of all in service."""
        for name, manager in self._managers.items():
            for version, state in manager.states().items():
                if state.state == "AVAILABLE":
                    yield name, version

    def queued(self) -> Iterator[tuple[str, int]]:
        """(name, rows that wait for the newest version)."""
        for name, manager in self._managers.items():
            try:
                with manager.acquire() as (_, model):
                    yield name, model.queued_rows
            except LookupError:  # stopped in between
                continue

    def _served(self) -> str:
        """What could have been asked for instead, a few of many."""
        available: dict[str, list[str]] = {}
        for name, version in self.loaded():
            available.setdefault(name, []).append(str(version))
        named = [
            f"{name} (version{'s' * (len(versions) > 1)} {', '.join(sorted(versions, key=int))})"
            for name, versions in sorted(available.items())
        ]
        if len(named) > _MAX_NAMED:
            named[_MAX_NAMED:] = [f"{len(named) - _MAX_NAMED} more"]
        return f"{texts.SERVED}{', '.join(named) or 'no model in service'}."

    def _version(self, spec: Any) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            version = self.labels(spec.name).get(spec.version_label)
            if version is None:
                raise InvalidArgumentError(
                    f"Unrecognized servable version label: {spec.version_label}"
                )
            return version
        return spec.version.value if choice == "version" else None

    def _start(self, config: ModelConfig, policy: Policy) -> ModelManager[LoadedModel]:
        check_folder(config, policy() if callable(policy) else policy)
        manager = ModelManager(
            config.folder,
            lambda path, _: self._load(config.name, path),
            policy=policy,
            poll_interval_s=self._poll_interval_s,
        )
        manager.start()
        return manager


def check_folder(config: ModelConfig, policy: VersionPolicy) -> None:
    """Raises ModelFolderError unless the folder holds a version that the policy admits."""
    found = find_versions(config.folder)
    if found and config.released and not policy.candidates(found):
        raise ModelFolderError(
            f"Version {', '.join(map(str, policy.specific))} of model {config.name} shall be in "
            f"service by {config.folder / release.FILE}, and is not there. There are "
            f"{', '.join(map(str, sorted(found)))}: `bitpipe models promote` or `bitpipe models "
            f"rollback` puts one of them into service."
        )
    if not policy.candidates(found):
        wanted = ", ".join(map(str, policy.specific)) or "a positive integer"
        raise ModelFolderError(
            f"The folder of model {config.name} must hold VERSION/{SAVED_MODEL}, VERSION being "
            f"{wanted}. {config.folder} "
            f"{'holds none' if config.folder.is_dir() else 'does not exist'}: name the folder "
            f"which `bitpipe run` pushed to, or run that first."
        )


def _policy(config: ModelConfig, released: Mapping[str, Released]) -> Policy:
    return released[config.name].policy if config.released else config.policy


def _check_labels(
    configs: Iterable[ModelConfig], managers: dict[str, ModelManager[LoadedModel]]
) -> None:
    for config in configs:
        states = managers[config.name].states()
        for version in config.labels.values():
            if version not in states or states[version].state != "AVAILABLE":
                raise FailedPreconditionError(
                    f"Request to assign label to version {version} of model {config.name}, which "
                    f"is not currently available for inference"
                )
