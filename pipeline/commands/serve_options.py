"""Options of the embedded server that belong together, and what they mean to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands import options

if TYPE_CHECKING:
    from serving.server.options import Batching, Tls

_BATCHING = (
    click.option("--max-batch-size", type=int, help="Rows of one batch.  [default: 16]"),
    click.option(
        "--batch-timeout-ms",
        type=float,
        help="How long a batch that is not full waits for more.  [default: 0]",
    ),
    click.option(
        "--allowed-batch-sizes",
        metavar="N,N,...",
        help="Batches are padded to the next of these sizes.  [default: any size]",
    ),
    click.option(
        "--max-enqueued-batches",
        type=int,
        help="Full batches that may wait; further requests are refused at once.  [default: 8]",
    ),
    click.option(
        "--num-batch-threads", type=int, help="Batches in progress at the same time.  [default: 2]"
    ),
    click.option(
        "--batching-parameters-file",
        type=options.FILE,
        help="The five above, in TensorFlow Serving's text format.",
    ),
)
_TLS = (
    click.option(
        "--tls-cert", type=options.FILE, help="PEM file: serve over TLS with this certificate."
    ),
    click.option("--tls-key", type=options.FILE, help="PEM file: the certificate's private key."),
    click.option(
        "--tls-client-ca",
        type=options.FILE,
        help="PEM file: only clients with a certificate of this authority may call.",
    ),
)
_LIMITS = (
    click.option(
        "--max-message-mb", type=click.IntRange(1, 2047), help="Of a request.  [default: 64]"
    ),
    click.option(
        "--max-pixels", type=click.IntRange(1), help="Of a picture.  [default: 100000000]"
    ),
)
_ACCESS = (
    click.option(
        "--allow-origin",
        "allow_origins",
        multiple=True,
        metavar="SCHEME://HOST[:PORT]",
        help="Web pages from there may use the server, and it answers to that host; * for all. "
        "Can be repeated.  [default: its own page]",
    ),
    click.option(
        "--allow-reload",
        is_flag=True,
        help="Clients may change which models are served (HandleReloadConfigRequest).",
    ),
)


_NAMES = ("max_batch_size", "batch_timeout_ms", "max_enqueued_batches", "num_batch_threads")


def server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of batching, TLS, limits and access, and hands them over as `options`."""

    @functools.wraps(command)
    def wrapped(
        batching_parameters_file: Path | None,
        allowed_batch_sizes: str | None,
        tls_cert: Path | None,
        tls_key: Path | None,
        tls_client_ca: Path | None,
        max_message_mb: int | None,
        max_pixels: int | None,
        allow_origins: tuple[str, ...],
        allow_reload: bool,
        **others: Any,
    ) -> Any:
        from bitpipe import frameworks

        frameworks.silence()  # before the server's modules import gRPC, which looks once
        from serving.server.options import Limits, Options

        given = {name: others.pop(name) for name in _NAMES}
        defaults = Limits()
        chosen = Options(
            batching=_batching(batching_parameters_file, allowed_batch_sizes, given),
            tls=_tls(tls_cert, tls_key, tls_client_ca),
            limits=Limits(
                max_message_bytes=(max_message_mb or 0) * 2**20 or defaults.max_message_bytes,
                max_pixels=max_pixels or defaults.max_pixels,
                max_buffered_bytes=max(
                    defaults.max_buffered_bytes, 2 * (max_message_mb or 0) * 2**20
                ),
            ),
            allow_origins=allow_origins,
            allow_reload=allow_reload,
        )
        return command(options=chosen, **others)

    return options.group(*_BATCHING, *_TLS, *_LIMITS, *_ACCESS)(wrapped)


def _batching(file: Path | None, sizes: str | None, others: dict[str, Any]) -> Batching:
    from serving.server import model_config
    from serving.server.options import Batching

    given = {name: value for name, value in others.items() if value is not None}
    if sizes is not None:
        given["allowed_batch_sizes"] = _numbers(sizes)
    if not file:
        return Batching(**given)
    if given:
        raise click.UsageError(
            "Give --batching-parameters-file, or the options of batching, not both."
        )
    return model_config.read_batching_parameters(file)


def _numbers(sizes: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in sizes.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"--allowed-batch-sizes must be numbers with commas between. Received: {sizes}."
        ) from error


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    from serving.server.options import Tls

    if (cert is None) != (key is None) or (client_ca and not cert):
        raise click.UsageError("TLS needs both --tls-cert and --tls-key.")
    return Tls(cert, key, client_ca) if cert and key else None
