"""Where a server is, and which protocol it speaks there."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bitpipe import arguments
from bitpipe.errors import AddressError

_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@?#\[\]]+):(?P<port>\d{1,5})")
_REST_SCHEMES = ("http", "https")
_SECURE_SCHEMES = ("https", "grpcs")


@dataclass(frozen=True)
class Address:
    """A server's address, as `parse` reads it.

    Attributes:
        scheme: "grpc", "grpcs", "http" or "https".
        host: without the brackets of IPv6.
        port: 1 to 65535.
        path: before `/v1/models`, for a server behind a gateway; no slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def is_rest(self) -> bool:
        """Whether REST is spoken there, else gRPC."""
        return self.scheme in _REST_SCHEMES

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in _SECURE_SCHEMES

    @property
    def is_loopback(self) -> bool:
        """Whether it is this very machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")

    @property
    def target(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.target if self.scheme == "grpc" else f"{self.scheme}://{self.target}{self.path}"


def parse(server: str) -> Address:
    """Reads HOST:PORT or grpcs://HOST:PORT (gRPC), or http[s]://HOST[:PORT][/PATH] (REST).

    Raises:
        AddressError: anything else.
    """
    arguments.instance("server", server, str, "an address such as HOST:PORT", error=AddressError)
    scheme, separator, rest = server.partition("://")
    if not separator:
        scheme, rest = "grpc", server
    scheme = scheme.lower()
    path = ""
    if scheme in _REST_SCHEMES:
        rest, slash, path = rest.partition("/")
        if rest and re.search(r":\d*$", rest) is None:
            rest += ":443" if scheme == "https" else ":80"
        path = (slash + path).rstrip("/")
    match = _HOST_AND_PORT.fullmatch(rest)
    known = scheme in (*_REST_SCHEMES, "grpc", "grpcs")
    # Nobody means /v1/models twice; an address copied from a browser may hold it.
    clean = urlsplit(f"//h{path}").path == path and "/v1/models" not in path
    if not known or match is None or not 0 < int(match["port"]) < 65536 or not clean:
        raise AddressError(
            f"A server's address must be HOST:PORT for gRPC, as in 127.0.0.1:8500, or "
            f"http://HOST:PORT for REST, as in http://127.0.0.1:8501. Received: {server!r}."
        )
    return Address(scheme, match["host"].strip("[]"), int(match["port"]), path)
