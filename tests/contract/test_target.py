"""What the variables of the suite mean; asks no server."""

from pathlib import Path

import pytest

from tests.contract.target import Target


def target(**variables: str) -> Target:
    return Target.from_environment(variables, b"generated")


def test_address_is_enough() -> None:
    found = target(SERVING_ADDRESS="serving.example:8500")
    assert found.rest_url == "http://serving.example:8501"
    assert found.model == "photos"
    assert found.picture == b"generated"
    assert found.ca is None
    assert found.label is None


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("other:80", "http://other:80"),
        ("https://other:443", "https://other:443"),
        ("[::1]:9", "http://[::1]:9"),
        ("", None),
    ],
)
def test_rest_address_may_have_a_scheme_or_be_left_out(given: str, url: str | None) -> None:
    found = target(SERVING_ADDRESS="a:1", SERVING_REST_ADDRESS=given)
    assert found.rest_url == url


def test_picture_is_read_and_tls_named(tmp_path: Path) -> None:
    path, ca = tmp_path / "own.jpg", tmp_path / "ca.pem"
    path.write_bytes(b"picture")
    ca.touch()
    found = target(
        SERVING_ADDRESS="[::1]:8500",
        SERVING_MODEL="flowers",
        SERVING_LABEL="stable",
        SERVING_PICTURE=str(path),
        SERVING_CA=str(ca),
    )
    assert (found.rest_url, found.model, found.label) == ("http://[::1]:8501", "flowers", "stable")
    assert (found.picture, found.ca) == (b"picture", ca)


@pytest.mark.parametrize("variable", ["SERVING_PICTURE", "SERVING_CA"])
def test_unreadable_file_is_named(tmp_path: Path, variable: str) -> None:
    with pytest.raises(OSError) as caught:
        target(SERVING_ADDRESS="a:1", **{variable: str(tmp_path / "missing")})
    assert caught.value.filename == str(tmp_path / "missing")
