"""What went wrong with a call, in one sentence, whichever protocol it went over."""

import re
from dataclasses import dataclass

from bitpipe.errors import (
    AddressError,
    DeadlineExceededError,
    InvalidInputError,
    MessageTooLargeError,
    RequestRejectedError,
    ServerBusyError,
    ServerUnreachableError,
    ServingError,
    TlsError,
)
from bitpipe.model.signature import SERVING
from serving import texts

# What gRPC, urllib3 and the system's resolver put before a reason that needs no words around it.
_REASONS = tuple(
    map(
        re.compile,
        (
            r"remote host: (?:connect: )?(?P<reason>.+)",
            r"lookup failed for \S+: (?P<reason>[^\]]+)",
            r"\[Errno -?\d+\] (?P<reason>.+)",
        ),
    )
)

_REJECTED = frozenset(
    {
        *("ALREADY_EXISTS", "FAILED_PRECONDITION", "NOT_FOUND", "OUT_OF_RANGE"),
        *("PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED"),
    }
)


@dataclass(frozen=True)
class Failures:
    """Errors about one server.

    Attributes:
        server: its address.
        name: the model's name.
        timeout_s: of a call.
    """

    server: str
    name: str
    timeout_s: float

    def unreachable(self, details: str) -> ServerUnreachableError:
        """Nothing answers at the address."""
        return ServerUnreachableError(
            f"No server answers at {self.server} ({_reason(details)}). Start one with "
            f"`bitpipe serve --models DIR --name {self.name}`, or correct the address "
            f"(gRPC: HOST:8500, REST: http://HOST:8501)."
        )

    def speaks_grpc(self, target: str) -> AddressError:
        """A port that was asked in HTTP answers in gRPC; `target` is its HOST:PORT."""
        return AddressError(
            f"{self.server} does not answer in HTTP: is it the gRPC port? Then write {target}, or "
            f"give the REST port (http://HOST:8501)."
        )

    def speaks_http(self) -> AddressError:
        """A port that was asked in gRPC answers in HTTP."""
        return AddressError(
            f"{self.server} answers in HTTP: is it the REST port? Then write "
            f"http://{self.server}, or give the gRPC port (HOST:8500)."
        )

    def insecure(self, details: str) -> TlsError:
        """No secure connection can be agreed on."""
        if "wrong_version_number" in details.lower():  # OpenSSL's way of reading plain text
            return TlsError(
                f"{self.server} speaks without TLS. Write HOST:PORT for gRPC or http:// for REST, "
                f"without certificates."
            )
        return TlsError(
            f"{self.server} and this client agree on no secure connection ({details}). Name the "
            f"authority of the server's certificate, or correct the address."
        )

    def deadline(self) -> DeadlineExceededError:
        """No answer came within the time limit."""
        return DeadlineExceededError(
            f"{self.server} did not answer within {self.timeout_s:g} s. Check the address, or "
            f"allow more time."
        )

    def too_large(self, details: str) -> MessageTooLargeError:
        """A request or its reply is larger than one side allows."""
        return MessageTooLargeError(
            f"A request for {self.name!r} or its reply is too large for {self.server}: {details}",
            details,
        )

    def answered(self, code: str, details: str, retry_after_s: float = 0.0) -> ServingError:
        """The server's refusal.

        Args:
            code: as gRPC calls it.
            details: the server's words.
            retry_after_s: how long it asks to be left alone.
        """
        details = texts.sentence(details)
        text = (
            self._explained(details)
            or f"{self.server} answered {code} to a request for {self.name!r}: {details}"
        )
        if code == "INVALID_ARGUMENT":
            return InvalidInputError(text, details)
        if code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"):
            return ServerBusyError(text, retry_after_s)
        return RequestRejectedError(text) if code in _REJECTED else ServingError(text)

    def _explained(self, details: str) -> str | None:
        """What TensorFlow Serving's words about a model mean; None for all others."""
        if details.startswith(texts.NO_SERVABLE):
            wanted, _, served = details.removeprefix(texts.NO_SERVABLE).partition(texts.SERVED)
            version = re.search(r", (\d+)\)\W*$", wanted) if wanted.startswith("Specific") else None
            missing = (
                f"has no version {version[1]} of {self.name!r} in service"
                if version
                else f"serves no model called {self.name!r}"
            )
            there = f"It has {served}" if served else "Look which models it was started with."
            return f"{self.server} {missing}. {there}"
        if details.startswith("Unrecognized servable version label: "):
            label = details.partition(": ")[2]
            return (
                f"{self.server} has no version of {self.name!r} with the label {label!r}. Ask for "
                f"one by its number, or for the newest."
            )
        if f'"{SERVING}" not found' in details:
            return (
                f"The model {self.name!r} of {self.server} is none that `bitpipe run` has pushed: "
                f"it has no signature {SERVING}."
            )
        return None


def _reason(details: str) -> str:
    for pattern in _REASONS:
        if match := pattern.search(details):
            return match["reason"]
    return details
