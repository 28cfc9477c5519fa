"""Lists the licences of the packages of a lock, as the running interpreter's environment has them.

A lock knows names, versions and hashes; what a package's licence is, only the package itself says.
Usage: python tools/licences.py LOCK > LICENCES.md
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.ASCII)
UNKNOWN = "not stated"
# A text in place of a name; the field was meant for either.
LONGEST = 60


def pins(lock: str) -> dict[str, str]:
    """Names and versions in the text of a lock."""
    return {found[1]: found[2] for line in lock.splitlines() if (found := PIN.match(line))}


def licence_of(fields: metadata.PackageMetadata) -> str:
    """What a package's metadata say, the most exact first (PEP 639, classifiers, free text)."""
    if expression := fields.get("License-Expression"):
        return expression
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in fields.get_all("Classifier") or []
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    if classifiers:
        return " or ".join(classifiers)
    first, *_ = (fields.get("License") or "").strip().splitlines() or [""]
    return first if 0 < len(first) <= LONGEST else UNKNOWN


def table(lock: str) -> list[tuple[str, str, str]]:
    """Name, version and licence of each package of a lock that is installed, by name."""
    rows = []
    for name, version in pins(lock).items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # a lock holds other platforms' and interpreters' packages as well
        if found.version == version:
            rows.append((name, version, licence_of(found.metadata)))
    return rows


def main(paths: list[str]) -> int:
    """Prints the table of the one named lock; returns the exit code."""
    if len(paths) != 1:
        print("usage: python tools/licences.py LOCK", file=sys.stderr)
        return 2
    lock = Path(paths[0])
    rows = table(lock.read_text("utf-8"))
    if not rows:
        print(f"None of {lock} is installed for {sys.executable}.", file=sys.stderr)
        return 2
    print(f"# Licences of the {len(rows)} packages of {lock.name} in this environment\n")
    print("| package | version | licence |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row).replace("\n", " ") + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
