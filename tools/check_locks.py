"""Refuses lock files that hold more than names, versions and hashes, or lack a hash.

A URL, an index host or a path in a lock ties it to the machine that made it.
Usage: python tools/check_locks.py LOCK...
"""

import re
import sys
from pathlib import Path

# name==version [; marker] \  -- then one or more hash lines, all but the last continued.
REQUIREMENT = re.compile(
    r"[a-z0-9][a-z0-9._-]*==[A-Za-z0-9.!+_-]+( ; [A-Za-z0-9_'\"<>=!.() ]+)? \\", re.ASCII
)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?", re.ASCII)


def faults(text: str) -> list[str]:
    """One sentence per line that does not belong in a lock file; empty for a clean one."""
    found = []
    hash_expected = False
    for number, line in enumerate(text.splitlines(), start=1):
        if REQUIREMENT.fullmatch(line) and not hash_expected:
            hash_expected = True
        elif hash_expected and (match := HASH.fullmatch(line)):
            hash_expected = match.group(1) is not None
        else:
            found.append(
                f"line {number}: a lock holds `name==version` lines and their sha256 hashes only. "
                f"Received: {line.strip()}"
            )
            hash_expected = False
    if hash_expected or not text.strip():
        found.append("the file ends where a requirement or its hash should follow.")
    return found


def main(paths: list[str]) -> int:
    """Prints the faults of the named files; returns the exit code."""
    messages = [f"{path}: {fault}" for path in paths for fault in faults(Path(path).read_text())]
    print("\n".join(messages) if messages else "Lock files: clean")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
