"""Keeps a task from importing every component of TFX to run one of them.

TFX's launcher imports the package `tfx.components`, whose `__init__` imports all components and
with them TensorFlow Model Analysis, NLTK and more: seconds in each task of each run.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

_PACKAGE = "tfx.components"


def defer_components() -> None:
    """Makes `tfx.components` import a component when it is asked for; modules below are as ever.

    To be called before anything of TFX but its version is imported; later it does nothing.
    """
    if _PACKAGE in sys.modules:
        return
    parent = importlib.import_module("tfx")
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [str(Path(path) / "components") for path in parent.__path__]

    def load(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        load_components()  # somebody does want a name of the real one
        return getattr(sys.modules[_PACKAGE], name)

    package.__getattr__ = load  # type: ignore[method-assign]
    sys.modules[_PACKAGE] = package


def load_components() -> None:
    """Imports all components after all.

    The Evaluator wants it: what TensorFlow Model Analysis 0.52 dropped and the Evaluator uses, the
    package's `__init__` puts back since TFX 1.21.
    """
    if not hasattr(sys.modules.get(_PACKAGE), "__file__"):
        sys.modules.pop(_PACKAGE, None)
        importlib.import_module(_PACKAGE)
