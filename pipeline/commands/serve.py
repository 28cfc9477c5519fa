"""`bitpipe serve`: the embedded server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline import logs

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    help="Folder that holds NAME/VERSION, or the versions themselves.",
)
@click.option("--name", help="The model's name in requests.")
@click.option(
    "--model-config-file",
    type=_FILE,
    help="Several models, version policies and labels, in TensorFlow Serving's text format; "
    "instead of --models and --name.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8500,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="gRPC port; 0 for any free one.",
)
@click.option(
    "--rest-port",
    default=8501,
    show_default=True,
    type=click.IntRange(-1, 65535),
    help="Port of REST and the metrics; 0 for any free one, -1 for none.",
)
@click.option("--max-batch-size", type=int, help="Rows of one batch.  [default: 16]")
@click.option(
    "--batch-timeout-ms",
    type=float,
    help="How long a batch that is not full waits for more.  [default: 0]",
)
@click.option(
    "--allowed-batch-sizes",
    metavar="N,N,...",
    help="Batches are padded to the next of these sizes.  [default: any size]",
)
@click.option(
    "--max-enqueued-batches",
    type=int,
    help="Full batches that may wait; further requests are refused at once.  [default: 8]",
)
@click.option(
    "--num-batch-threads", type=int, help="Batches in progress at the same time.  [default: 2]"
)
@click.option(
    "--batching-parameters-file",
    type=_FILE,
    help="The five above, in TensorFlow Serving's text format.",
)
@click.option("--tls-cert", type=_FILE, help="PEM file: serve over TLS with this certificate.")
@click.option("--tls-key", type=_FILE, help="PEM file: the certificate's private key.")
@click.option(
    "--tls-client-ca",
    type=_FILE,
    help="PEM file: only clients with a certificate of this authority may call.",
)
@click.option("--max-message-mb", type=click.IntRange(1, 2047), help="Of a request.  [default: 64]")
@click.option("--max-pixels", type=click.IntRange(1), help="Of a picture.  [default: 100000000]")
def serve(
    models: Path | None,
    name: str | None,
    model_config_file: Path | None,
    host: str,
    port: int,
    rest_port: int,
    batching_parameters_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    max_message_mb: int | None,
    max_pixels: int | None,
    **batching: Any,
) -> None:
    """Serve models over TensorFlow Serving's gRPC and REST API until SIGTERM or Ctrl-C.

    A version pushed into a model's folder is loaded and takes over without a failed request.
    """
    from serving.server import app, model_config, options

    given = {key: value for key, value in batching.items() if value is not None}
    if "allowed_batch_sizes" in given:
        given["allowed_batch_sizes"] = _sizes(given["allowed_batch_sizes"])
    if batching_parameters_file and given:
        raise click.UsageError(
            "Give --batching-parameters-file, or the options of batching, not both."
        )
    if batching_parameters_file:
        how = model_config.read_batching_parameters(batching_parameters_file)
    else:
        how = options.Batching(**given)
    if (tls_cert is None) != (tls_key is None) or (tls_client_ca and not tls_cert):
        raise click.UsageError("TLS needs both --tls-cert and --tls-key.")
    limits = options.Limits()
    chosen = options.Options(
        batching=how,
        limits=options.Limits(
            max_message_bytes=(max_message_mb or 0) * 2**20 or limits.max_message_bytes,
            max_pixels=max_pixels or limits.max_pixels,
        ),
        tls=options.Tls(tls_cert, tls_key, tls_client_ca) if tls_cert and tls_key else None,
    )
    settings: dict[str, Any] = {
        "host": host,
        "port": port,
        "rest_port": None if rest_port < 0 else rest_port,
        "options": chosen,
    }
    if model_config_file and (models or name):
        raise click.UsageError("Give --model-config-file, or --models and --name, not both.")
    if model_config_file:
        several = model_config.read_model_config(model_config_file)
        logs.silence_frameworks()
        app.serve(several, **settings)
    elif models and name:
        logs.silence_frameworks()
        app.serve(models, name, **settings)
    else:
        raise click.UsageError("Which models? Give --models and --name, or --model-config-file.")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"--allowed-batch-sizes must be numbers with commas between. Received: {text}."
        ) from error
