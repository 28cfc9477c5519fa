"""Standard streams of any encoding."""

import io
import os
import subprocess
import sys

import pytest

from pipeline.terminal import streams

# The shapes in which terminals without UTF-8 come; PYTHONUTF8=0 keeps Python from helping itself.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN1 = {"PYTHONIOENCODING": "latin-1"}
DIALECTS = [ASCII, LATIN1, {**ASCII, **LATIN1}]

ASK = """
import os, sys
sys.argv = ["x"]
from pipeline.terminal import streams
streams.prepare()
print(sys.getfilesystemencoding(), os.listdir(os.environ["HERE"])[0] == "S\\u00e3o Paulo")
print("S\\u00e3o \\u2713 \\u65e5")
"""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_are_utf8_on_every_terminal_and_what_it_cannot_show_is_spelled_out(tmp_path, dialect):
    (tmp_path / os.fsdecode("São Paulo".encode())).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **dialect, "HERE": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    facts, shown = done.stdout.splitlines()
    assert facts == b"utf-8 True"
    latin1 = "PYTHONIOENCODING" in dialect
    assert shown == (b"S\xe3o \\u2713 \\u65e5" if latin1 else b"S\\xe3o \\u2713 \\u65e5")
    assert done.stderr == b""


def test_the_process_starts_over_once_and_never_where_names_are_utf8():
    assert streams.utf8_environment("utf-8", "latin-1", {}) is None
    changed = streams.utf8_environment("ascii", "ascii", {"A": "b"})
    assert changed == {
        "A": "b",
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "ascii:backslashreplace",
    }
    assert streams.utf8_environment("ascii", "ascii", changed) is None
    kept = streams.utf8_environment("ascii", "ascii", {"PYTHONIOENCODING": "koi8-r"})
    assert kept["PYTHONIOENCODING"] == "koi8-r"


def test_a_drawing_becomes_a_letter_where_it_is_not_known():
    assert streams.mark("✓", io.TextIOWrapper(io.BytesIO(), encoding="latin-1")) == "+"
    assert streams.mark("✗", io.TextIOWrapper(io.BytesIO(), encoding="ascii")) == "x"
    assert streams.mark("✓", io.StringIO()) == "✓"


def test_a_console_prints_any_name_on_a_stream_that_was_strict():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    streams.console(stream).print("日本")
    stream.flush()
    assert raw.getvalue() == b"\\u65e5\\u672c\n"
