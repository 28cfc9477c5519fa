"""The versions of what ran."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = ("bitpipe", "tfx", "tensorflow", "keras", "apache-beam", "numpy", "pillow")


def of_packages() -> dict[str, str]:
    """By name, those that are installed."""
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout
            continue
    return found
