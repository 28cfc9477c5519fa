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
