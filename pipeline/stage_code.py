"""Which code of ours a node of the graph runs: in TFX's cache key, and checked in a container.

No import of TFX: a container refuses foreign work before it has loaded anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bitpipe.errors import ConfigError
from components.code_version import PACKAGES, code_version

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_component import BaseComponent
    from tfx.dsl.components.base.base_node import BaseNode

# An execution property beyond those that a component declares. Executors ignore it, TFX's cache key
# holds all of them.
PROPERTY = "code_version"


def digests(node: BaseNode) -> str:
    """The code of ours that runs when `node` does.

    Returns:
        `components.trainer=0123456789abcdef`: the module that TFX imports, and the digest of all
        that it imports in turn; several after a comma. Empty where only TFX's own code runs.
    """
    return ",".join(f"{module}={code_version(module)}" for module in sorted(set(_entries(node))))


def add_to_key(component: BaseComponent) -> None:
    """Makes another version of the code run anew what TFX would take from its cache."""
    if code := digests(component):
        component.spec.exec_properties[PROPERTY] = code


def require_same(compiled: str) -> None:
    """Refuses to run code that is not what the cache key says.

    Args:
        compiled: `digests` of a node where the pipeline was compiled.

    Raises:
        ConfigError: a module is another one here, or not there.
    """
    for entry in compiled.split(",") if compiled else ():
        module, _, expected = entry.partition("=")
        try:
            found = code_version(module)
        except ModuleNotFoundError:
            found = "none"
        if found != expected:
            raise ConfigError(
                f"this image holds other code of {module} than the pipeline was compiled with "
                f"({found} against {expected}); build the image of the same checkout with "
                "`make image`, set kubeflow.image to it and compile again."
            )


def _entries(node: BaseNode) -> Iterator[str]:
    paths = [getattr(node.executor_spec, "class_path", "")]
    for name, value in node.exec_properties.items():
        if inspect.isclass(value):  # a Resolver's strategy
            paths.append(f"{value.__module__}.{value.__qualname__}")
        elif name.endswith("_fn") and isinstance(value, str):  # run_fn, preprocessing_fn
            paths.append(value)
    for path in paths:
        module, _, _ = path.rpartition(".")
        if module.split(".")[0] in PACKAGES:
            yield module
