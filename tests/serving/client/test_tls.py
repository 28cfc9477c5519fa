"""Certificates of servers and clients, over both protocols."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitpipe.errors import ClientOptionsError, ServerUnreachableError, TlsError
from serving.client import ClientTls, PredictionClient
from serving.server import ModelServer
from serving.server.options import Options, Tls
from tests.serving.client.certificates import Authority

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)

Encode = Callable[..., bytes]
Push = Callable[[Path, int], Path]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(
    authority: Authority, push: Push, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """Asks for the client's certificate as well."""
    folder = tmp_path_factory.mktemp("models")
    push(folder / "colours", 1)
    signed = authority.sign("server")
    tls = Tls(signed.certificate, signed.key, client_ca=authority.certificate)
    with ModelServer(folder, "colours", port=0, rest_port=0, options=Options(tls=tls)) as server:
        yield server


@pytest.fixture(params=["grpcs", "https"])
def address(request: pytest.FixtureRequest, secured: ModelServer) -> str:
    where = secured.address if request.param == "grpcs" else secured.rest_address
    return f"{request.param}://{where}"


def test_client_with_a_certificate_is_answered(
    address: str, authority: Authority, encode: Encode
) -> None:
    mine = authority.sign("client")
    tls = ClientTls(authority.certificate, mine.certificate, mine.key)
    with PredictionClient(address, "colours", tls=tls) as client:
        assert client.predict([encode("red")])[0].label == "red"


def test_client_without_one_is_not(address: str, authority: Authority) -> None:
    with (
        PredictionClient(address, "colours", tls=ClientTls(authority.certificate)) as client,
        pytest.raises(ServerUnreachableError),
    ):
        client.predict([b"x"])


def test_server_of_another_authority_is_not_trusted(
    address: str, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    mine = authority.sign("client")
    tls = ClientTls(stranger.certificate, mine.certificate, mine.key)
    with (
        PredictionClient(address, "colours", tls=tls) as client,
        pytest.raises(TlsError, match="agree on no secure connection"),
    ):
        client.predict([b"x"])


def test_certificates_over_plain_http_are_refused(authority: Authority) -> None:
    with pytest.raises(ClientOptionsError, match="https:// instead of http://"):
        PredictionClient("http://h:1", "m", tls=ClientTls(authority.certificate))


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    (tmp_path / "der").write_bytes(b"\x30\x82")
    with pytest.raises(ClientOptionsError, match="is no PEM file"):
        ClientTls(tmp_path / "der")
    with pytest.raises(ClientOptionsError, match="none cannot be read: No such file"):
        ClientTls(tmp_path / "none")
    with pytest.raises(ClientOptionsError, match="given together"):
        ClientTls(certificate=tmp_path / "der")
