"""The fixed list of reasons why a file is no picture to us, to be counted by."""

from typing import Literal

RejectionKind = Literal[
    "unreadable",  # there is no file, or no right to read it
    "empty",
    "truncated",
    "damaged",
    "not_a_picture",  # a text, a film, an archive
    "unsupported",  # a picture of a kind that nothing here decodes
    "missing_package",  # which a package decodes that is not installed
    "too_large",  # pixels, scans or bytes
    "invisible",  # nothing of it could be seen: all one colour, or nearly black
]
