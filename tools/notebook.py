"""Writes docs/tutorial.ipynb from docs/tutorial.md, or says that they differ.

A block of Python becomes a cell of code, all else cells of text. The notebook holds no outputs,
which would differ on every machine.
Usage: python -m tools.notebook [--check]
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs/tutorial.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")

_CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells(page: str) -> Iterator[tuple[str, str]]:
    """(markdown or code, content) of each cell, in their order."""
    for index, part in enumerate(_CODE.split(page)):
        if part.strip():
            yield ("code" if index % 2 else "markdown"), part.strip("\n")


def notebook(page: str) -> str:
    """The file's content, in the fourth form of nbformat."""
    made = []
    for number, (kind, content) in enumerate(cells(page)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        made.append(cell | {"source": content.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": made,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Writes or checks; returns the exit code."""
    wanted = notebook(PAGE.read_text(encoding="utf-8"))
    if arguments != ["--check"]:
        NOTEBOOK.write_text(wanted, encoding="utf-8")
        print(f"{NOTEBOOK} is written")
        return 0
    if not NOTEBOOK.exists() or NOTEBOOK.read_text(encoding="utf-8") != wanted:
        print(f"{NOTEBOOK.name} differs from {PAGE.name}: run `make docs-tutorial`.")
        return 1
    print(f"Notebook: {NOTEBOOK.name} is {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
