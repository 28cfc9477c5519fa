"""What went wrong between here and Kubeflow, in one sentence with a remedy."""

from __future__ import annotations

import dataclasses
import json
import socket
from typing import Any

from bitpipe import exits
from bitpipe.errors import BitpipeError

CONNECT_S = 5
READ_S = 30


class KubeflowError(BitpipeError):
    """Kubeflow cannot be used as asked: the address, the access or the request is wrong."""

    exit_code = exits.USER


class UnreachableError(KubeflowError):
    """Nothing answers at the address."""


class BackendError(BitpipeError):
    """Kubeflow failed at something that it should be able to do."""


class NotFoundError(KubeflowError):
    """Kubeflow does not have what was asked for."""


class ConflictError(KubeflowError):
    """Kubeflow has another of that name already."""


class PageError(KubeflowError):
    """A web page where the API should be."""


@dataclasses.dataclass(frozen=True)
class Failures:
    """Turns the exceptions of the API package and of urllib3 into ours.

    Attributes:
        host: the address in use.
        namespace: in use; may be empty.
        has_token: whether one was sent.
    """

    host: str
    namespace: str
    has_token: bool

    def refusal(self, error: Any) -> BitpipeError:
        """For the API package's ApiException: an answer that is not a success."""
        status, said = error.status, _message(error.body) or error.reason
        if status == 401:
            how = "the token is not accepted" if self.has_token else "a token is needed"
            return KubeflowError(
                f"{self.host} does not know you (401): {how}; give a valid one with --token, "
                "--token-file or KFP_TOKEN."
            )
        if status == 403:
            where = f" to namespace {self.namespace!r}" if self.namespace else ""
            return KubeflowError(
                f"{self.host} refuses access{where} (403): {said}; check --namespace, and that "
                "the token's account may use it."
            )
        if status == 404:
            return NotFoundError(f"{self.host} does not have it (404): {said}.")
        if status == 409:
            return ConflictError(f"{self.host} has it already (409): {said}.")
        if status == 0:
            return KubeflowError(
                f"{self.host}: no trusted connection ({said.splitlines()[-1]}); check the scheme, "
                "or give the signer's certificates with --ca-cert."
            )
        if status >= 500:
            return BackendError(
                f"{self.host} failed ({status}): {said}; the log of the ml-pipeline pod tells more."
            )
        return KubeflowError(f"{self.host} refuses the request ({status}): {said}.")

    def no_route(self, error: Exception) -> KubeflowError:
        """For urllib3's HTTPError: no answer."""
        reason = getattr(error, "reason", None) or error
        if "too many redirects" in str(reason):
            return self.login_page()
        if "SSL" in type(reason).__name__:
            return KubeflowError(
                f"{self.host}: no trusted connection ({reason}); check the scheme, or give the "
                "signer's certificates with --ca-cert."
            )
        cause = _os_error(reason)
        if isinstance(cause, socket.gaierror):
            what = "the name is unknown"
        elif isinstance(cause, ConnectionRefusedError):
            what = "the connection is refused"
        elif "ReadTimeout" in type(reason).__name__:
            what = f"no answer within {READ_S} s"
        elif isinstance(cause, TimeoutError) or "ConnectTimeout" in type(reason).__name__:
            what = f"no connection within {CONNECT_S} s"
        else:
            what = (cause.strerror if cause else None) or str(reason)
        return UnreachableError(
            f"Kubeflow is not reachable at {self.host} ({what}): check --host and the network, or "
            "forward a port with `kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80`."
        )

    def login_page(self) -> PageError:
        """For an answer that is not JSON."""
        return PageError(
            f"{self.host} answers with a web page, probably a login, where its API should be: "
            "give --token, or the address of the API itself."
        )


def _message(body: bytes | str | None) -> str:
    """The sentence in an error's JSON, if it is one."""
    try:
        data = json.loads(body or "")
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    lines = str(data.get("message") or data.get("error") or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else ""


def _os_error(error: BaseException | None) -> OSError | None:
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
