"""A digest of a stage's source code, part of TFX's cache key.

Stages named by import path (`run_fn="components.trainer.run_fn"`) carry no code in their execution
properties, so TFX would reuse the outputs of an older version of them.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

# What the ingest is made of. Narrow, because a change costs reading all photographs again.
INGEST = ("components/features.py", "components/image_example_gen", "bitpipe")
# Everything the later stages may use.
STAGES = ("components", "bitpipe")

_TOP = Path(__file__).parent.parent


@functools.cache
def code_version(*places: str) -> str:
    """16 hex digits of a sha256 over names and contents of the modules at or below `places`.

    Args:
        places: files and folders, relative to the one that holds the packages.
    """
    digest = hashlib.sha256()
    for place in places:
        path = _TOP / place
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{module.relative_to(_TOP).as_posix()}\0".encode())
            digest.update(hashlib.sha256(module.read_bytes()).digest())
    return digest.hexdigest()[:16]
