"""What the server is told at its start, and refuses there."""

import subprocess
from pathlib import Path

import pytest

from bitpipe.errors import ServerOptionsError
from serving.server.options import Options, Tls
from tests.serving.client.certificates import Authority


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other")
    assert Tls(one.certificate, one.key, authority.certificate).key == one.key
    with pytest.raises(ServerOptionsError, match="is not that of the certificate") as caught:
        Tls(one.certificate, other.key)
    assert str(other.key) in str(caught.value)


def test_an_encrypted_key_is_told(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("one")
    encrypted = tmp_path / "encrypted.key"
    command = ("openssl", "pkey", "-aes256", "-passout", "pass:secret")
    subprocess.run(
        [*command, "-in", str(signed.key), "-out", str(encrypted)], check=True, capture_output=True
    )
    with pytest.raises(ServerOptionsError, match="is encrypted"):
        Tls(signed.certificate, encrypted)


def test_a_damaged_pem_file_is_told(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("one")
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ServerOptionsError, match="cannot be used"):
        Tls(damaged, signed.key)
    with pytest.raises(ServerOptionsError, match="holds no certificate of an authority"):
        Tls(signed.certificate, signed.key, client_ca=damaged)


@pytest.mark.parametrize("origin", ["example.org", "https://", "https://a.b/path", ""])
def test_an_origin_that_is_none_is_told(origin: str) -> None:
    with pytest.raises(ServerOptionsError, match="An origin is SCHEME"):
        Options(allow_origins=("https://example.org:8443", "*", origin))
