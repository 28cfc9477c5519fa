"""Where Kubeflow is, and how to get in."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from bitpipe.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Connection:
    """Where Kubeflow is and how to get in; names as in `kfp.Client`.

    Attributes:
        host: base address, with or without a path; https where it names no scheme.
        token: sent as a bearer token.
        token_file: read before every request (tokens of service accounts are renewed); used where
            `token` is empty.
        namespace: the user's, on an installation for several users.
        ca_cert: file with the certificates that sign the host's; default: certifi's.
        ui_host: base address of the pages, where it is not `host`.
    """

    host: str = ""
    token: str = ""
    token_file: str = ""
    namespace: str = ""
    ca_cert: str = ""
    ui_host: str = ""

    def token_now(self) -> str:
        """The token, read anew where it is in a file; empty where there is none.

        Raises:
            ConfigError: the file cannot be read.
        """
        if self.token or not self.token_file:
            return self.token
        try:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise ConfigError(f"the token file {self.token_file} is no text.") from None
        except OSError as error:
            raise ConfigError(
                f"the token file {self.token_file} cannot be read: {error.strerror}."
            ) from None


def address(host: str) -> str:
    """The base address in what was typed, or copied from the browser.

    Raises:
        ConfigError: it is empty.
    """
    if not host:
        raise ConfigError(
            "no Kubeflow host: give --host or set KFP_HOST, for example to http://localhost:8080 "
            "after `kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80`."
        )
    # What people copy from the browser ends in the page.
    host = host.partition("#")[0].rstrip("/")
    return host if re.match("https?://", host) else f"https://{host}"
