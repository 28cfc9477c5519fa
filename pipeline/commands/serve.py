"""`bitpipe serve`: the embedded server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands import options as shared
from pipeline.commands import serve_options

if TYPE_CHECKING:
    from serving.server.options import Options


@click.command(short_help="Answer over TensorFlow Serving's gRPC and REST API.")
@click.option(
    "--models",
    type=shared.LocalPath(),
    help="Folder that holds NAME/VERSION, or the versions themselves.",
)
@click.option(
    "--name", help="The model's name in requests.  [default: that of the only one in --models]"
)
@click.option(
    "--model-config-file",
    type=shared.FILE,
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
@serve_options.server
def serve(
    models: Path | None,
    name: str | None,
    model_config_file: Path | None,
    host: str,
    port: int,
    rest_port: int,
    options: Options,
) -> None:
    """Serve models over TensorFlow Serving's gRPC and REST API until SIGTERM or Ctrl-C.

    A version pushed into a model's folder is loaded and takes over without a failed request, and so
    does one that `bitpipe models` puts into service.
    """
    from bitpipe.model import versions
    from serving.server import app, model_config

    if model_config_file and (models or name):
        raise click.UsageError("Give --model-config-file, or --models and --name, not both.")
    which: tuple[Any, ...]
    if model_config_file:
        which = (model_config.read_model_config(model_config_file),)
    elif models:
        which = (models, name or versions.only_model(str(models)))
    else:
        raise click.UsageError("Which models? Give --models, or --model-config-file.")
    rest = None if rest_port < 0 else rest_port
    with _news_told():
        app.serve(*which, host=host, port=port, rest_port=rest, options=options)


@contextmanager
def _news_told() -> Iterator[None]:
    """What the server logs goes to stderr: versions that come, go or cannot be loaded."""
    import logging

    logger, handler = logging.getLogger("serving"), logging.StreamHandler()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
