"""Beam's job service of an engine such as Flink: whether one answers, and what its codes mean.

A job is given to it over gRPC, which tells that nobody is there, that time is up or that a line is
cut in words of its own. Decided here, once, for all commands.
"""

import socket
import sys
from collections.abc import Sequence
from typing import Any

from bitpipe.beam import value
from bitpipe.errors import JobServiceError, causes

# Of Beam, which runs one in the process that asks.
_EMBEDDED = "embed"
_TIMEOUT_S = 300  # Beam's default for `--job_server_timeout`
_CONNECT_S = 5.0


def require(options: Sequence[str]) -> None:
    """Looks whether anything listens where the job will be given to, before frameworks are loaded.

    Args:
        options: of Beam. Without a job service, nothing is looked for.

    Raises:
        JobServiceError: nothing does.
    """
    endpoint = _endpoint(options)
    if not endpoint:
        return
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise JobServiceError(
            f"Beam's job service must answer at {endpoint}. Received: no connection ({reason}); "
            "start it, or correct the job endpoint."
        ) from error


def explained(error: BaseException, options: Sequence[str]) -> JobServiceError | None:
    """What to tell of an error that the job service has led to; None where it did not.

    Args:
        error: as Beam raises it.
        options: of Beam, with which the job was given.
    """
    endpoint = _endpoint(options)
    grpc: Any = sys.modules.get("grpc")  # else no error is its own
    if not endpoint or grpc is None:
        return None
    for one in causes(error):
        if isinstance(one, grpc.FutureTimeoutError):
            return JobServiceError(
                f"What listens at {endpoint} does not answer as a job service of Beam; name the "
                "address of one as the job endpoint."
            )
        if isinstance(one, grpc.RpcError) and isinstance(one, grpc.Call):
            return _of_call(one.code().name, one.details(), endpoint, options)
    return None


def _of_call(code: str, details: str, endpoint: str, options: Sequence[str]) -> JobServiceError:
    if code == "DEADLINE_EXCEEDED":
        limit = value(options, "job_server_timeout") or _TIMEOUT_S
        return JobServiceError(
            f"The job at {endpoint} had not ended after {limit} s, which is "
            "--job_server_timeout: a worker may be lost, as its log tells, or it takes longer. "
            "Run the same again, with more time for Beam: --job_server_timeout=86400."
        )
    if code == "UNAVAILABLE":
        return JobServiceError(
            f"The job service at {endpoint} is gone ({details}). Its log tells why; start it, and "
            "run the same again."
        )
    return JobServiceError(
        f"The job service at {endpoint} has answered {code} ({details}). Its log tells more."
    )


def _endpoint(options: Sequence[str]) -> str:
    endpoint = value(options, "job_endpoint")
    return endpoint if endpoint != _EMBEDDED else ""
