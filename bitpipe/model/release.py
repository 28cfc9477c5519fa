"""Which version of a model is in service, and why: one small file beside its versions.

`release.json` is the truth, for the Pusher, for the gate and for the embedded server; what
TensorFlow Serving is told, `model_config.txt`, is written from it. Without the file, as before
anybody decided anything, the newest complete version is in service.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bitpipe.errors import ModelFolderError, StoreError
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import is_remote, join

# In the folder of the versions. Servers and the Pusher look for numbers there, and pass over them.
FILE = "release.json"
MODEL_CONFIG = "model_config.txt"

STABLE, CANARY = "stable", "canary"

_FORM = 1
# Where manifests, compose.yaml and TensorFlow Serving's own image mount the folder of models.
_MOUNTED = "/models"

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Event:
    """A decision.

    Attributes:
        at: when, Unix seconds.
        action: `promote`, `rollback`, `pin`, `unpin` or `push`.
        version: what it was about.
        before: what was in service under the same label; None where it does not matter.
        label: `stable` or `canary`; empty for pins.
        by: who decided.
        why: in their words; may be empty.
    """

    at: int
    action: str
    version: int
    before: int | None = None
    label: str = ""
    by: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Withdrawal:
    """A version that was rolled back from.

    Attributes:
        digest: of the model, which is not pushed again; empty where it is not known.
        at: when, Unix seconds.
        by: who decided.
        why: in their words; may be empty.
    """

    digest: str
    at: int
    by: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Release:
    """What is decided about the versions of a model.

    Attributes:
        stable: the version in service; None for the newest complete one.
        canary: a version that is tried beside it.
        pinned: versions that are never removed.
        withdrawn: the versions that were rolled back from, there or not.
        history: all decisions, oldest first.
        unknown: what a later bitpipe has written; kept as it is.
    """

    stable: int | None = None
    canary: int | None = None
    pinned: tuple[int, ...] = ()
    withdrawn: Mapping[int, Withdrawal] = dataclasses.field(default_factory=dict)
    history: tuple[Event, ...] = ()
    unknown: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def served(self, found: Iterable[int]) -> int | None:
        """The version in service, of those that are `found`; None where it is not among them."""
        versions = set(found)
        if self.stable is None:
            return max(versions, default=None)
        return self.stable if self.stable in versions else None

    def labels(self) -> dict[str, int]:
        """Label -> version; none while the newest version is in service, whichever it is."""
        if self.stable is None:
            return {}
        canary = {} if self.canary is None else {CANARY: self.canary}
        return {STABLE: self.stable, **canary}

    def was_in_service(self, version: int) -> bool:
        """Whether a version that was pushed can be the one in service, or one before it."""
        return version not in self.withdrawn and (self.stable is None or version <= self.stable)

    def withdrawal(self, digest: str) -> tuple[int, Withdrawal] | None:
        """The last withdrawn version that is the model of this digest."""
        for version, withdrawal in sorted(self.withdrawn.items(), reverse=True):
            if withdrawal.digest == digest:
                return version, withdrawal
        return None

    def to_json(self) -> str:
        """The content of `FILE`."""
        known = {
            "form": _FORM,
            STABLE: self.stable,
            CANARY: self.canary,
            "pinned": list(self.pinned),
            "withdrawn": {
                str(version): dataclasses.asdict(withdrawal)
                for version, withdrawal in self.withdrawn.items()
            },
            "history": [dataclasses.asdict(event) for event in self.history],
        }
        return json.dumps({**self.unknown, **known}, indent=1) + "\n"


def read(folder: str) -> Release:
    """What is decided about the versions in a folder, on a disk or in a store.

    Raises:
        ModelFolderError: there is a file, but it cannot be understood.
        StoreError: the store is unknown here, or does not let it be read.
    """
    try:
        content = store_of(folder).read(join(folder, FILE))
    except FileNotFoundError:
        return Release()
    except StoreError:  # says all of it
        raise
    except OSError as error:
        raise StoreError(
            f"{join(folder, FILE)}, which says which version is in service, cannot be read: "
            f"{error.strerror or error}. Look after your rights and the store."
        ) from error
    try:
        return _decoded(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFolderError(
            f"{join(folder, FILE)}, which says which version is in service, cannot be understood "
            f"({error}). Correct it, or remove it: then the newest version is."
        ) from error


def _decoded(content: bytes) -> Release:
    found = json.loads(content)
    if found.pop("form") != _FORM:
        raise ValueError("another form")
    return Release(
        stable=_version(found.pop(STABLE, None)),
        canary=_version(found.pop(CANARY, None)),
        pinned=tuple(int(version) for version in found.pop("pinned", ())),
        withdrawn={
            int(version): _known(Withdrawal, withdrawal)
            for version, withdrawal in found.pop("withdrawn", {}).items()
        },
        history=tuple(_known(Event, event) for event in found.pop("history", ())),
        unknown=found,
    )


def _known(kind: type[_T], values: Mapping[str, Any]) -> _T:
    """A dataclass of what it knows of the values."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})


def _version(found: object) -> int | None:
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise ValueError(f"{found!r} is no version")


def write(folder: str, release: Release) -> None:
    """Writes the decisions, each file at once, then what TensorFlow Serving is told of them."""
    store = store_of(folder)
    store.write(join(folder, FILE), [release.to_json().encode()])
    store.write(join(folder, MODEL_CONFIG), [model_config(folder, release).encode()])


def write_model_config(folder: str, release: Release) -> None:
    """Writes `MODEL_CONFIG` where it is missing or tells something else."""
    store, place = store_of(folder), join(folder, MODEL_CONFIG)
    content = model_config(folder, release).encode()
    try:
        if store.read(place) == content:
            return
    except FileNotFoundError:
        pass
    store.write(place, [content])


def model_config(folder: str, release: Release) -> str:
    """TensorFlow Serving's ModelServerConfig for the model in a folder.

    Its base_path is the folder itself where the server reads the store (gs://), and where the
    folder of models is mounted elsewhere.
    """
    name = model_name(folder)
    base = folder.rstrip("/") if folder.startswith("gs://") else f"{_MOUNTED}/{name}"
    labels = release.labels()
    if labels:
        named = " ".join(f"versions: {version}" for version in sorted(set(labels.values())))
        policy = f"specific {{ {named} }}"
    else:
        policy = "latest { num_versions: 1 }"
    lines = "".join(
        f'    version_labels {{ key: "{label}" value: {version} }}\n'
        for label, version in labels.items()
    )
    return (
        f"# Written by bitpipe from {FILE}; `bitpipe models` changes both.\n"
        "model_config_list {\n"
        "  config {\n"
        f"    name: {_quoted(name)}\n"
        f"    base_path: {_quoted(base)}\n"
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ {policy} }}\n"
        f"{lines}"
        "  }\n"
        "}\n"
    )


def model_name(folder: str) -> str:
    """The model's name: that of the folder of its versions."""
    return (
        folder.rstrip("/").rpartition("/")[2] if is_remote(folder) else Path(folder).absolute().name
    )


def _quoted(text: str) -> str:
    """A string of protobuf's text format."""
    plain = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{"".join(plain)}"'


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Lets one process at a time on this machine read and then write the decisions.

    In a store, nothing is kept out: the last one to write has decided.
    """
    if is_remote(folder):
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Where a network disk knows no locks, the rename still makes each file whole.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
