"""Ports and addresses: taken, refused and written in one way for gRPC and REST."""

import ipaddress
import socket

import grpc

from bitpipe.errors import AddressError
from serving.server.options import Tls

# gRPC says no more, but in a log of its own.
_UNBOUND = "it is in use, or no address of this machine"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; 0 takes any free port.

    Raises:
        AddressError: with the system's reason, which gRPC would only log.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        try:
            # As gRPC does: connections of a server just stopped do not hold the port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            # On some systems binding succeeds beside a listener, and only listening fails.
            listening.listen()
        except BaseException:
            listening.close()
            raise
    except (OSError, OverflowError) as error:
        raise _address_error(host, port, getattr(error, "strerror", None) or str(error)) from error
    return listening


def bind(server: grpc.aio.Server, host: str, port: int, tls: Tls | None) -> int:
    """Lets a gRPC server listen; returns the port in use.

    Raises:
        AddressError: it cannot.
    """
    try:
        if tls is None:
            bound = server.add_insecure_port(join(host, port))
        else:
            credentials = grpc.ssl_server_credentials(
                [(tls.key.read_bytes(), tls.certificate.read_bytes())],
                tls.client_ca.read_bytes() if tls.client_ca else None,
                tls.client_ca is not None,
            )
            bound = server.add_secure_port(join(host, port), credentials)
    except RuntimeError as error:
        raise _address_error(host, port, _UNBOUND) from error
    if not bound:  # how older versions of gRPC fail
        raise _address_error(host, port, _UNBOUND)
    return int(bound)


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine reaches a socket."""
    return ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def join(host: str, port: int) -> str:
    """HOST:PORT, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable(address: str) -> str:
    """HOST:PORT for a browser on this machine, where the server listens on all its addresses."""
    host, _, port = address.rpartition(":")
    return f"localhost:{port}" if host in ("0.0.0.0", "[::]") else address


def _address_error(host: str, port: int, reason: str) -> AddressError:
    return AddressError(
        f"Cannot listen on {join(host, port)}: {reason}. Stop what uses it, or choose another "
        f"port (0 for any free one)."
    )
