"""Options of the commands that ask a prediction server, and the client that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands import options

if TYPE_CHECKING:
    from serving.client import PredictionClient

model = options.group(
    click.option(
        "--server",
        required=True,
        metavar="HOST:PORT|URL",
        help="A prediction server: HOST:PORT (or grpcs://HOST:PORT) for gRPC, "
        "http[s]://HOST:PORT for REST.",
    ),
    click.option("--name", required=True, help="The model's name on the server."),
    click.option(
        "--version", type=click.IntRange(0), help="Version to ask.  [default: the newest]"
    ),
    click.option("--label", help="Label of the version to ask."),
)
connection = options.group(
    click.option(
        "--timeout",
        "timeout_s",
        default=30.0,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        help="Seconds for one request, its retries included.",
    ),
    click.option(
        "--retries", type=click.IntRange(0), help="Where the server is away or busy.  [default: 4]"
    ),
    click.option(
        "--batch-size", type=click.IntRange(1), help="Pictures in a request.  [default: 16]"
    ),
    click.option(
        "--in-flight", type=click.IntRange(1), help="Requests at the same time.  [default: 4]"
    ),
    click.option(
        "--ca",
        type=options.FILE,
        help="PEM file: who signed the server's certificate; uses TLS.",
    ),
    click.option(
        "--cert", type=options.FILE, help="PEM file: this client's certificate, for mutual TLS."
    ),
    click.option("--key", type=options.FILE, help="PEM file: the certificate's private key."),
)


def client(
    server: str,
    name: str,
    retries: int | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    **others: Any,
) -> PredictionClient:
    """The client that the options of `model` and `connection` mean.

    Raises:
        BitpipeError: as of `PredictionClient`.
    """
    from serving.client import PredictionClient
    from serving.client.connection import ClientTls
    from serving.client.retry import Retry

    given = {option: value for option, value in others.items() if value is not None}
    if retries is not None:
        given["retry"] = Retry(attempts=retries + 1)
    if ca or cert or key:
        given["tls"] = ClientTls(ca, cert, key)
    return PredictionClient(server, name, **given)
