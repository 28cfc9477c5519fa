"""Names of files and classes that people gave: how they are stored, and how they are printed.

A name comes from the system as bytes. Python makes text of them, with a lone surrogate for each
byte that is no UTF-8: such a text opens the file, but it can be neither encoded nor printed.
"""

import os
import re
import unicodedata

from bitpipe.errors import ConfigError

_STRAY_BYTES = re.compile("[\udc80-\udcff]")
# Letters of Persian and of Indian languages, and joined emoji, need these two format characters.
_HARMLESS = frozenset("\u200c\u200d")
# Control and format characters move a terminal's cursor or turn the text round, line and paragraph
# separators break a line, and what is unassigned or private looks like nothing.
_HARMFUL = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))


def storable(name: str) -> str:
    r"""The name as valid Unicode, for JSON, TFRecords and ML Metadata.

    Bytes that are no UTF-8 are spelled out: the Latin-1 name of `café` becomes `caf\xe9`. A name
    without them is returned as it is.
    """
    if name.isascii():
        return name
    spelled = _STRAY_BYTES.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", name)
    return spelled.encode("utf-8", "backslashreplace").decode()


def printable(text: str, encoding: str | None = "utf-8") -> str:
    r"""The text on one line that nothing in it can leave, for a stream of this encoding.

    What is not UTF-8, cannot be seen or is not known to the encoding is spelled out: `\xe9`, `\n`.

    Args:
        text: a name, or a sentence with names in it.
        encoding: the stream's; None for one that has none, as in memory.
    """
    shown = "".join(map(_shown, storable(text)))
    return shown.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def require_utf8(path: str | os.PathLike[str], what: str) -> None:
    """Refuses a path that TensorFlow, TFX and ML Metadata could not be given.

    Args:
        path: of a file or folder.
        what: the option that names it.

    Raises:
        ConfigError: it is not valid UTF-8.
    """
    text = os.fspath(path)
    if storable(text) != text:
        raise ConfigError(
            f"{what} must be a path in UTF-8, the only one that TensorFlow can open. "
            f"Received: '{printable(text)}'; rename the folder."
        )


def _shown(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _HARMFUL:
        return character
    return character.encode("unicode_escape").decode()
