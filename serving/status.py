"""What a request to a model ends with if not with an answer: one error class for each code in use.

Code and text are TensorFlow Serving's; how a transport says them is the transport's own affair.
"""

import enum

from bitpipe import exits
from bitpipe.errors import ServingError


class Code(enum.IntEnum):
    """The codes of gRPC and TensorFlow, which have the same names and numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class StatusError(ServingError):
    """Base of them all, and itself the error of a code that has no class.

    Args:
        text: what the client is told.
        code: where the class has none of its own.
    """

    code = Code.UNKNOWN

    def __init__(self, text: str, code: Code | None = None) -> None:
        super().__init__(text)
        if code is not None:
            self.code = code


class InvalidArgumentError(StatusError):
    """The request is at fault, whatever model is there."""

    code = Code.INVALID_ARGUMENT


class NotFoundError(StatusError):
    """No such model or version."""

    code = Code.NOT_FOUND


class ResourceExhaustedError(StatusError):
    """There is no room for the request now."""

    code = Code.RESOURCE_EXHAUSTED


class FailedPreconditionError(StatusError):
    """The request is sound, but not with what is in service."""

    code = Code.FAILED_PRECONDITION
    exit_code = exits.USER  # a label for no version, in the file with which a server starts


class UnimplementedError(StatusError):
    """TensorFlow Serving can do it, and this server cannot."""

    code = Code.UNIMPLEMENTED


class InternalError(StatusError):
    """The model or the server is at fault."""

    code = Code.INTERNAL


class UnavailableError(StatusError):
    """The model is on its way out of service."""

    code = Code.UNAVAILABLE


_CLASSES = {cls.code: cls for cls in StatusError.__subclasses__()}


def of(code: int, text: str) -> StatusError:
    """The error with a code of TensorFlow's or gRPC's; UNKNOWN for a number that is none."""
    if code in _CLASSES:
        return _CLASSES[Code(code)](text)
    return StatusError(text, Code(code) if code in set(Code) else Code.UNKNOWN)


def code_of(error: BaseException) -> Code:
    """The code of whatever ends a request: what nobody foresaw is the server's fault."""
    return error.code if isinstance(error, StatusError) else Code.INTERNAL


def text_of(error: BaseException) -> str:
    """What the client is told of it."""
    return str(error) if isinstance(error, StatusError) else f"{type(error).__name__}: {error}"
