"""What can go wrong, one tree: every message alone tells what happened and what to do.

The exit code that a command ends with belongs to the error (see `bitpipe.exits`).
"""

import os
from collections.abc import Iterator, Sequence

from bitpipe import exits


class BitpipeError(Exception):
    """A failure whose message alone tells the user what happened and what to do."""

    exit_code = exits.FAILED


class DataError(BitpipeError):
    """The photographs, or the records made of them, break a rule of the pipeline."""

    exit_code = exits.USER


class ConfigError(BitpipeError, ValueError):
    """A setting is unknown, malformed, or contradicts another one."""

    exit_code = exits.USER


class DiskFullError(BitpipeError):
    """There is no room for what is to be written; see `bitpipe.full_disk`."""

    exit_code = exits.USER


class JobServiceError(BitpipeError):
    """Beam's job service is not there, or has given up; see `bitpipe.job_service`."""

    exit_code = exits.USER


class MissingExtraError(BitpipeError):
    """A command needs packages that the base requirements leave out.

    Args:
        caller: the command, as the user types it.
        extras: the extras of bitpipe that bring them, at least one.
    """

    exit_code = exits.USER

    def __init__(self, caller: str, extras: Sequence[str]) -> None:
        # Not pip's own: looking for versions that fit TFX, it was not done after eight minutes.
        named = " and ".join(f"'{extra}'" for extra in extras)
        super().__init__(
            f"`{caller}` needs the extra{'s' * (len(extras) > 1)} {named}. Install "
            f"{'them' if len(extras) > 1 else 'it'}: "
            f"uv pip install 'bitpipe[{','.join(extras)}]'."
        )
        self.extras = tuple(extras)


class WeightsError(BitpipeError):
    """Pre-trained weights cannot be obtained, or do not fit the network they are meant for."""

    exit_code = exits.USER


class UnreachableWeightsError(WeightsError):
    """Pre-trained weights are not on this machine, and cannot be downloaded."""


class TrainingError(BitpipeError):
    """Training cannot go on: the loss is no longer a number."""


class UnfitModelError(BitpipeError):
    """The model that was trained cannot be judged: it is damaged, or does not answer as it must."""


class ServingError(BitpipeError):
    """Base of what goes wrong between a picture and its answer."""


class ModelFolderError(ServingError):
    """The model folder is missing or holds no version."""

    exit_code = exits.USER


class ModelLoadError(ServingError):
    """Versions are there, but none of them could be loaded."""


class ServerOptionsError(ServingError):
    """An option or a configuration file of the embedded server is wrong."""

    exit_code = exits.USER


class AddressError(ServingError):
    """An address is malformed, taken, not one of this machine, or of another protocol."""

    exit_code = exits.USER


class UnreadablePictureError(ServingError):
    """Bytes which are not a complete picture.

    Args:
        reason: in words, short enough for a table cell.
        source: what was read.
        kind: the reason to be counted by, a word of `bitpipe.rejections.RejectionKind`.
    """

    exit_code = exits.USER

    def __init__(
        self,
        reason: str,
        source: str | os.PathLike[str] = "The picture",
        kind: str = "damaged",
    ) -> None:
        super().__init__(
            f"{source} cannot be used: {reason}. "
            f"Save it again as a JPEG or PNG file, or leave it out."
        )
        self.reason = reason
        self.kind = kind


class ServerUnreachableError(ServingError):
    """Nothing answers at the address."""

    exit_code = exits.USER


class DeadlineExceededError(ServingError):
    """The server did not answer in time."""


class RequestRejectedError(ServingError):
    """The server understood the request and refused it: unknown model, bad input, too large."""

    exit_code = exits.USER


class UnexpectedReplyError(ServingError):
    """The server's model does not have the signature which this client speaks."""


class ClientOptionsError(ServingError):
    """An option of the client is wrong, or contradicts another one."""

    exit_code = exits.USER


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

    exit_code = exits.USER


class AnswerFileError(ServingError):
    """The file of answers cannot be written, or cannot be continued."""

    exit_code = exits.USER


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came of, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
