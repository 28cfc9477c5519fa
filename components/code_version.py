"""A digest of the stages' source code, part of TFX's cache key.

Stages named by import path (`run_fn="components.trainer.run_fn"`) carry no code in their execution
properties, so TFX would reuse the outputs of an older version of them.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

_TOP = Path(__file__).parent.parent


@functools.cache
def code_version() -> str:
    """16 hex digits of a sha256 over names and contents of the modules that stages are made of."""
    digest = hashlib.sha256()
    modules = [*sorted((_TOP / "components").rglob("*.py")), _TOP / "serving" / "pictures.py"]
    for path in modules:
        digest.update(f"{path.relative_to(_TOP).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
