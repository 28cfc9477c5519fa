"""Certificates for tests of TLS: an authority, and what it signs for 127.0.0.1."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    certificate: Path
    key: Path


class Authority:
    """An authority of its own in `folder`, by openssl."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),  # Python 3.13 asks for it
            *("-keyout", self._key, "-out", self.certificate),
        )

    def sign(self, name: str) -> Signed:
        key, request, certificate, extension = (
            self._folder / f"{name}.{suffix}" for suffix in ("key", "csr", "pem", "ext")
        )
        extension.write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nauthorityKeyIdentifier=keyid\n"
        )
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-days", "2", "-in", request, "-CA", self.certificate),
            *("-CAkey", self._key, "-CAcreateserial", "-extfile", extension, "-out", certificate),
        )
        return Signed(certificate, key)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
