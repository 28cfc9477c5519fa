"""Which text is an address, and what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import AddressError
from serving.client import address


@pytest.mark.parametrize(
    ("text", "scheme", "target"),
    [
        ("localhost:8500", "grpc", "localhost:8500"),
        ("[::1]:8500", "grpc", "[::1]:8500"),
        ("grpc://models.example.org:80", "grpc", "models.example.org:80"),
        ("GRPCS://models.example.org:443", "grpcs", "models.example.org:443"),
        ("http://127.0.0.1:8501", "http", "127.0.0.1:8501"),
        ("http://models", "http", "models:80"),
        ("https://models/", "https", "models:443"),
        ("https://[::1]/models", "https", "[::1]:443"),
    ],
)
def test_scheme_host_and_port_are_read(text: str, scheme: str, target: str) -> None:
    parsed = address.parse(text)
    assert (parsed.scheme, parsed.target) == (scheme, target)
    assert parsed.is_rest == scheme.startswith("http")
    assert parsed.is_secure == scheme.endswith("s")


def test_path_before_the_api_is_kept_for_servers_behind_a_gateway() -> None:
    assert str(address.parse("https://models/team/")) == "https://models:443/team"


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "localhost:", ":8500", "localhost:0", "localhost:65536", "a b:1"),
        *("::1:8500", "ftp://h:1", "http://", "http://:80", "http://h:x", "grpc://h", "h:1/path"),
        *("http://u:p@h:1", "http://h:8501/v1/models/photos", "http://h/a?b=1", "http://h/#a"),
    ],
)
def test_anything_else_is_told_with_what_to_write(text: str) -> None:
    with pytest.raises(AddressError, match=r"HOST:PORT for gRPC.*http://HOST:PORT") as caught:
        address.parse(text)
    assert repr(text) in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.text(max_size=40))
def test_no_text_gets_an_answer_other_than_an_address_or_its_error(text: str) -> None:
    try:
        parsed = address.parse(text)
    except AddressError:
        return
    assert address.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        *(("localhost:1", True), ("127.8.9.1:1", True), ("[::1]:1", True), ("a.localhost:1", True)),
        *(("localhost.example:1", False), ("10.0.0.1:1", False), ("models:1", False)),
    ],
)
def test_loopback_is_known(text: str, loopback: bool) -> None:
    assert address.parse(text).is_loopback is loopback
