"""A digest of the code that an entry module runs, for TFX's cache key.

Stages named by import path (`run_fn="components.trainer.run_fn"`) carry no code in their execution
properties, so TFX would reuse the outputs of an older version of them. What counts is what the
entry module really imports, directly or not: a module that a stage never imports cannot change its
outputs. The text is read, nothing is imported: milliseconds, and no framework.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

# Whose imports are followed; frameworks are pinned by the lock files.
PACKAGES = ("bitpipe", "components", "pipeline", "serving")

# Imported by stages without a say in what they put out. Each would cost reading all photographs
# or training again for nothing; `tests/components/test_code_version.py` holds the reasons.
LEFT_OUT = frozenset(
    {
        # Classes of errors, those of client and server too. A stage that raises has no outputs.
        "bitpipe.errors",
        # Is told how far a stage is, and answers nothing.
        "components.progress",
        # Brings the file of an address that is in the key, byte for byte or not at all.
        "components.bit.download",
    }
)

_TOP = Path(__file__).parent.parent


@functools.cache
def code_version(entry: str, top: Path = _TOP) -> str:
    """16 hex digits of a sha256 over names and contents of the files that `sources` names.

    The same wherever the packages are installed.

    Args:
        entry: dotted name of the module that is imported to run a stage.
        top: folder that holds the packages.

    Raises:
        ModuleNotFoundError: a module of ours is not there.
    """
    digest = hashlib.sha256()
    for path in sources(entry, top):
        digest.update(f"{path.relative_to(top).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def sources(entry: str, top: Path = _TOP) -> list[Path]:
    """The files of ours that importing `entry` and calling its functions reads, sorted.

    Its module and, from there on, whatever is imported at a module's level or inside a function,
    with the packages on the way, except for type checkers and what is in `LEFT_OUT`. Also the data
    files that lie beside a module and are named in it.

    Args:
        entry: as of `code_version`.
        top: as of `code_version`.

    Raises:
        ModuleNotFoundError: a module of ours is not there.
    """
    found: set[Path] = set()
    seen: set[str] = set()
    pending = _with_packages(entry)
    while pending:
        name = pending.pop()
        if name in seen or name in LEFT_OUT:
            continue
        seen.add(name)
        path = _find(name, top)
        if path is None:
            raise ModuleNotFoundError(f"There is no module {name} in {top}.", name=name)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imports, strings = _references(path.read_bytes(), package)
        found.add(path)
        beside = (other for other in path.parent.iterdir() if other.name in strings)
        # Of weights, the code names the digest, and no others are loaded.
        found.update(other for other in beside if other.is_file() and other.suffix != ".npz")
        for module, attribute in imports:
            if module.split(".")[0] in PACKAGES:
                pending += _with_packages(module)
                # `from package import name` imports a module, or takes what the package defines.
                if attribute and _find(f"{module}.{attribute}", top):
                    pending.append(f"{module}.{attribute}")
    return sorted(found, key=lambda path: path.relative_to(top).as_posix())


def _with_packages(module: str) -> list[str]:
    """`a.b.c` -> `a`, `a.b` and `a.b.c`: all that is executed by importing it."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _find(module: str, top: Path) -> Path | None:
    place = top.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache  # by content: stages share most of their modules
def _references(text: bytes, package: str) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """What a module imports (module, and name taken from it or ""), and the strings in it."""
    imports: set[tuple[str, str]] = set()
    strings: set[str] = set()
    for node in _nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            imports.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            absolute = importlib.util.resolve_name(module, package)
            imports.update((absolute, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
    return frozenset(imports), frozenset(strings)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"
