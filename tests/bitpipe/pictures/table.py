"""Writes docs/pictures.md: what becomes of each kind of file, by the code that decides it."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bitpipe.errors import UnreadablePictureError
from bitpipe.names import printable
from bitpipe.pictures.normalise import normalise
from tests.bitpipe.pictures.zoo import ZOO, write

TABLE = Path(__file__).parents[3] / "docs/pictures.md"

_HEAD = """# What becomes of each kind of file

Written by `make docs-pictures` from the files of the tests
([zoo.py](../tests/bitpipe/pictures/zoo.py)): ingest, client, server and batch job give each the
same verdict, and every picture is compared with the pixels that people see. "Passed over" is what
the listing of a folder leaves out by the name; the verdict behind it is that of a file that is
named. Rejected files are listed in `rejected.jsonl` with `filename`, `kind` (a word of this table)
and `reason`.

| file | outcome |
|---|---|
"""


def table(folder: Path) -> Iterator[str]:
    """A row of Markdown for each file of the zoo, which is in the folder."""
    for specimen in ZOO:
        try:
            picture = normalise((folder / specimen.name).read_bytes())
        except UnreadablePictureError as error:
            outcome = f"rejected, `{error.kind}`: {error.reason}"
        else:
            outcome = f"as upright {picture.format}" if picture.changed else "as it is"
        passed = "" if specimen.listed else "passed over; "
        name = printable(specimen.name)
        name = name if len(name) < 60 else f"{name[:40]}... ({len(name)} letters)"
        yield f"| `{name}` | {passed}{printable(outcome).replace('|', '/')} |"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        TABLE.write_text(_HEAD + "\n".join(table(write(Path(folder)))) + "\n", encoding="utf-8")
    sys.stdout.write(f"{TABLE} is written\n")
