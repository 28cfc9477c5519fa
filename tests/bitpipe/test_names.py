"""Names of files and classes, stored and printed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import ConfigError
from bitpipe.names import printable, require_utf8, storable

# What a Latin-1 machine calls café.
LATIN1 = b"caf\xe9".decode("utf-8", "surrogateescape")

# As the system has them: any bytes.
names = st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
encodings = st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "koi8-r"])


@given(names | st.text())
def test_a_stored_name_is_unicode_and_stays_the_same_when_it_is_stored_again(name):
    stored = storable(name)
    assert json.loads(json.dumps(stored, ensure_ascii=False).encode()) == stored
    assert storable(stored) == stored


@given(st.text())
def test_a_name_that_is_text_is_stored_as_it_is(name):
    assert storable(name) == name


@given(names | st.text(), encodings)
def test_a_printed_name_fits_its_stream_and_one_line(name, encoding):
    shown = printable(name, encoding)
    shown.encode(encoding)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("name", "encoding", "shown"),
    [
        ("São Paulo", "utf-8", "São Paulo"),
        ("São Paulo", "latin-1", "São Paulo"),
        ("São Paulo", "ascii", r"S\xe3o Paulo"),
        ("日本\u3000🐱", None, "日本\u3000🐱"),
        ("日本", "latin-1", r"\u65e5\u672c"),
        (LATIN1, "utf-8", r"caf\xe9"),
        ("a\nb\x1b[2J\u2028c", "utf-8", r"a\nb\x1b[2J\u2028c"),
        ("\u202eevil", "utf-8", r"\u202eevil"),
        ("👩\u200d🚀", "utf-8", "👩\u200d🚀"),
        ("\ud83d", "utf-8", r"\ud83d"),
    ],
)
def test_what_a_terminal_cannot_show_is_spelled_out(name, encoding, shown):
    assert printable(name, encoding) == shown


def test_a_path_that_no_framework_can_open_is_refused_by_its_option():
    require_utf8("São Paulo", "--out")
    with pytest.raises(ConfigError, match=r"--out must be .* UTF-8.*'/tmp/caf\\xe9'; rename"):
        require_utf8(Path("/tmp") / LATIN1, "--out")
