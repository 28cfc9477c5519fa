"""`bitpipe classify`: what pictures show, without training or a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bitpipe import exits

if TYPE_CHECKING:
    from bitpipe.errors import UnreadablePictureError


@click.command(short_help="Say what pictures show, without training or a server.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGES...")
@click.option(
    "--backbone",
    metavar="SOURCE",
    help="A name, a .npz or .h5 file, a SavedModel folder (a run's OUT/serving, for instance), or "
    "a TF Hub handle. Default: bit-m-r50x1-ilsvrc2012 where it is cached or can be fetched, else "
    "bit-mini-in1k, which comes with the package.",
)
@click.option("--variant", help="The network of a file whose name does not tell. Default: R50x1.")
@click.option(
    "--size",
    type=click.IntRange(8, 4096),
    metavar="PIXELS",
    help="Side to which pictures are resized. Default: what the source was judged on, else 480.",
)
@click.option(
    "--trust-backbone",
    is_flag=True,
    help="Run a SavedModel's own program, where its weights alone do not tell enough. It may do "
    "anything that you may.",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Labels shown.")
def classify(
    images: tuple[str, ...],
    backbone: str | None,
    variant: str | None,
    size: int | None,
    trust_backbone: bool,
    top: int,
) -> None:
    """Say what IMAGES show, without training or a server: files, folders, quoted patterns.

    Released classifiers answer with the 1,000 classes of ImageNet, exported models with their own.
    What cannot be read is told with its reason, and the others are answered.

    Exit codes: 0 all answered; 2 a picture failed, or usage error; 1 anything else.
    """
    from bitpipe import frameworks
    from bitpipe.names import printable
    from pipeline import classify as classification

    frameworks.silence()
    failed = answered = 0

    def tell(error: UnreadablePictureError) -> None:
        nonlocal failed
        failed += 1
        click.echo(printable(str(error), sys.stderr.encoding), err=True)

    for path, scores in classification.classify(
        images,
        backbone,
        variant=variant,
        size=size,
        trusted=trust_backbone,
        on_unreadable=tell,
        on_fallback=lambda sentence: click.echo(sentence, err=True),
    ):
        answered += 1
        shown = "  ".join(f"{label} {score:.3f}" for label, score in scores[:top])
        click.echo(printable(f"{path}: {shown}", sys.stdout.encoding))
    if failed:
        click.echo(f"{failed} of {answered + failed} pictures failed", err=True)
        sys.exit(exits.USER)
