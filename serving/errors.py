"""What can go wrong in serving, each with the exit code of a command that meets it.

Exit codes: 2 for what the user can put right (arguments, files, a missing server), 1 for the rest.
"""

import os


class ServingError(Exception):
    """Base of all errors raised here. Its text is one sentence fit for a terminal."""

    exit_code = 1


class ModelFolderError(ServingError):
    """The model folder is missing or holds no version."""

    exit_code = 2


class ModelLoadError(ServingError):
    """Versions are there, but none of them could be loaded."""


class ServerOptionsError(ServingError):
    """An option or a configuration file of the embedded server is wrong."""

    exit_code = 2


class AddressError(ServingError):
    """An address is malformed, taken by another process, or not one of this machine."""

    exit_code = 2


class UnreadablePictureError(ServingError):
    """Bytes which are not a complete picture. `reason` is short enough for a table cell."""

    exit_code = 2

    def __init__(self, reason: str, source: str | os.PathLike[str] = "The picture") -> None:
        super().__init__(
            f"{source} cannot be used: {reason}. "
            f"Save it again as a JPEG or PNG file, or leave it out."
        )
        self.reason = reason


class ServerUnreachableError(ServingError):
    """Nothing answers at the address."""

    exit_code = 2


class DeadlineExceededError(ServingError):
    """The server did not answer in time."""


class RequestRejectedError(ServingError):
    """The server understood the request and refused it: unknown model, bad input, too large."""

    exit_code = 2


class UnexpectedReplyError(ServingError):
    """The server's model does not have the signature which this client speaks."""


class ClientOptionsError(ServingError):
    """An option of the client is wrong, or contradicts another one."""

    exit_code = 2


class TlsError(ServerUnreachableError):
    """No secure connection: a certificate that is not trusted, or a port without TLS."""


class ServerBusyError(ServingError):
    """The server has no room for the request, or the model is not in service yet.

    Attributes:
        retry_after_s: how long the server asks to be left alone; 0 where it does not say.
    """

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class InvalidInputError(RequestRejectedError):
    """The server refused what is in the request: one of its pictures, or its model's spec.

    Attributes:
        reason: the server's own words, without those around them.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class MessageTooLargeError(InvalidInputError):
    """A request or a reply exceeds the client's or the server's limit."""


class StoreError(ServingError):
    """An address whose store is unknown here, or does not answer."""

    exit_code = 2


class AnswerFileError(ServingError):
    """The file of answers cannot be written, or cannot be continued."""

    exit_code = 2
