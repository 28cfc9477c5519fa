"""Where ML Metadata is, from an address or from what Kubeflow puts into a task's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from ml_metadata.proto import metadata_store_pb2

from bitpipe.errors import ConfigError

# Kubeflow gives every task these two.
_HOST, _PORT = "METADATA_GRPC_SERVICE_HOST", "METADATA_GRPC_SERVICE_PORT"
_DEFAULT_PORTS = {"grpc": 8080, "grpcs": 8080, "mysql": 3306}
# A query for all artifacts of a pipeline that has run every night outgrows gRPC's 4 MiB.
_MAX_MESSAGE_BYTES = 256 << 20

Connection: TypeAlias = (
    metadata_store_pb2.ConnectionConfig | metadata_store_pb2.MetadataStoreClientConfig
)


def connection(address: str, environment: Mapping[str, str] = os.environ) -> Connection:
    """The configuration of a client.

    Args:
        address: grpc://HOST:PORT, grpcs://HOST:PORT?ca=FILE, mysql://USER:PASSWORD@HOST:PORT/DATABASE
            or sqlite:PATH; `${NAME}` is replaced from `environment`, after the address is taken
            apart. grpcs is gRPC over TLS; FILE has the certificates that sign the server's, by
            default gRPC's own. Empty: Kubeflow's own.
        environment: where the names are looked up.

    Raises:
        ConfigError: the address cannot be understood, or a variable is missing.
    """
    if not address:
        if _HOST not in environment:
            raise ConfigError(
                f"no ML Metadata: kubeflow.metadata is empty and {_HOST} is not set in this task. "
                "Set kubeflow.metadata to grpc://HOST:PORT."
            )
        address = f"grpc://{environment[_HOST]}:{environment.get(_PORT, '8080')}"
    if address.startswith("sqlite:"):
        store = metadata_store_pb2.ConnectionConfig()
        store.sqlite.filename_uri = _expand(address.removeprefix("sqlite:"), environment)
        return store
    try:
        url = urlsplit(address)
        port = url.port or _DEFAULT_PORTS[url.scheme]
        if not url.hostname:
            raise ValueError
    except (ValueError, KeyError):
        raise ConfigError(
            "kubeflow.metadata must be grpc://HOST:PORT, grpcs://HOST:PORT?ca=FILE, "
            f"mysql://USER:PASSWORD@HOST/DATABASE or sqlite:PATH. Received: {address!r}."
        ) from None
    host = _expand(url.hostname, environment)
    if url.scheme in ("grpc", "grpcs"):
        client = metadata_store_pb2.MetadataStoreClientConfig(host=host, port=port)
        client.channel_arguments.max_receive_message_length = _MAX_MESSAGE_BYTES
        if url.scheme == "grpcs":
            _trust(client, url, environment)
        return client
    store = metadata_store_pb2.ConnectionConfig()
    store.mysql.host, store.mysql.port = host, port
    store.mysql.database = _expand(url.path.lstrip("/"), environment)
    store.mysql.user = _expand(unquote(url.username or ""), environment)
    store.mysql.password = _expand(unquote(url.password or ""), environment)
    return store


def _trust(
    client: metadata_store_pb2.MetadataStoreClientConfig,
    url: SplitResult,
    environment: Mapping[str, str],
) -> None:
    client.ssl_config.SetInParent()
    options = parse_qs(url.query)
    if set(options) - {"ca"}:
        raise ConfigError(f"kubeflow.metadata takes ?ca=FILE only. Received: {url.query!r}.")
    for file in options.get("ca", ()):
        try:
            client.ssl_config.custom_ca = Path(_expand(file, environment)).read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"kubeflow.metadata names certificates that this task cannot read ({error}); "
                "see kubeflow.secrets and kubeflow.volumes."
            ) from None


def _expand(text: str, environment: Mapping[str, str]) -> str:
    """`${NAME}` by name; Kubernetes' own `$(NAME)` never reaches a process."""
    before, start, rest = text.partition("${")
    if not start:
        return text
    name, _, after = rest.partition("}")
    if name not in environment:
        raise ConfigError(
            f"kubeflow.metadata speaks of ${{{name}}}, which is not set in this task; "
            "see kubeflow.secrets and kubeflow.env."
        )
    return before + environment[name] + _expand(after, environment)
