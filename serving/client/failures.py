"""What went wrong with a call, in one sentence, whichever protocol it went over."""

from dataclasses import dataclass

from bitpipe.errors import (
    DeadlineExceededError,
    InvalidInputError,
    MessageTooLargeError,
    RequestRejectedError,
    ServerBusyError,
    ServerUnreachableError,
    ServingError,
    TlsError,
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
            f"No server answers at {self.server} ({details}). Start one with "
            f"`bitpipe serve --models DIR --name {self.name}`, or correct the address "
            f"(gRPC: HOST:8500, REST: http://HOST:8501)."
        )

    def insecure(self, details: str) -> TlsError:
        """No secure connection can be agreed on."""
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
        text = f"{self.server} answered {code} to a request for {self.name!r}: {details}"
        if code == "INVALID_ARGUMENT":
            return InvalidInputError(text, details)
        if code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"):
            return ServerBusyError(text, retry_after_s)
        return RequestRejectedError(text) if code in _REJECTED else ServingError(text)
