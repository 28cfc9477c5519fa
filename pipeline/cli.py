"""The command line. Bodies import what they need, so that help and usage errors answer at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipeline import extras, logs
from pipeline.commands import batch, kubeflow, predict, serve

EXIT_NOT_BLESSED = 3


class _Failure(click.ClickException):
    """Printed as one line; ends the process with `exit_code`."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares a class variable


class _Commands(click.Group):
    """Turns the errors that users can cause into one line and their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            told = extras.explained(error, ctx.invoked_subcommand)
            code = getattr(told, "exit_code", None)
            if code is None:
                raise
            raise _Failure(str(told), code) from error


_config_option = click.option(
    "--config",
    metavar="FILE",
    help="YAML file, or the name of a shipped one (see `bitpipe config list`). Default: photos.",
)
_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Overrides one value, for example train.steps=100. Repeatable.",
)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bitpipe")
def cli() -> None:
    """Fine-tune Big Transfer on a folder of labelled photos and serve the result."""


@cli.command()
@click.option("--data", required=True, help="Folder with a folder of pictures per class.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for all outputs."
)
@_config_option
@_set_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--verbose", is_flag=True, help="Show the frameworks' log as well.")
def run(
    data: str,
    out: Path,
    config: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    verbose: bool,
) -> None:
    """Run the whole pipeline on this machine.

    Exit codes: 0 the model was pushed, or is already in service; 3 it was not blessed and nothing
    was pushed; 2 usage, configuration or data error; 1 anything else.
    """
    from components.image_example_gen.folder import check_folder
    from components.settings import SCRATCH
    from pipeline.settings import config as configuration

    checked = configuration.load(config, overrides).config
    if not checked.data.has_spans:  # which span it is, the stage finds out
        check_folder(data, min_images_per_class=checked.data.min_images_per_class)

    if checked.model.backbone != SCRATCH:
        from components.bit import sources

        sources.locate(checked.model.backbone)

    from pipeline import launch

    result = launch.run(checked, data, out, verbose=verbose, as_json=as_json)
    sys.exit(0 if result.blessed else EXIT_NOT_BLESSED)


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
def demo(out: Path) -> None:
    """Run the pipeline on handwritten digits, serve the model and ask it about unseen ones."""
    from pipeline import demo as demonstration

    demonstration.run(out)


@cli.command()
@click.argument(
    "images",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--backbone",
    default="bit-m-r50x1-ilsvrc2012",
    show_default=True,
    metavar="SOURCE",
    help="A released name, a .npz or .h5 file, a SavedModel folder (a run's OUT/serving/NAME, for "
    "instance), or a TF Hub handle.",
)
@click.option("--variant", help="The network of a file whose name does not tell. Default: R50x1.")
@click.option(
    "--size",
    type=click.IntRange(8, 4096),
    metavar="PIXELS",
    help="Side to which pictures are resized. Default: what the source was judged on, else 480.",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Labels shown.")
def classify(
    images: tuple[Path, ...], backbone: str, variant: str | None, size: int | None, top: int
) -> None:
    """Say what IMAGES show, without training or a server.

    Released classifiers answer with the 1,000 classes of ImageNet, exported models with their own.
    """
    from components.bit import sources, variants

    # Mistakes that need no TensorFlow to be seen are told before it is imported.
    sources.locate(backbone)
    sources.require_classifier(backbone)
    if variant is not None:
        variants.get(variant)
    logs.silence_frameworks()

    from components.bit import classifier

    opened = classifier.open_classifier(backbone, variant=variant, size=size)
    for path, scores in classifier.classify_files(opened, images):
        _print_answer(path, scores[:top])


@cli.command(name="compile")
@_config_option
@_set_option
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the pipeline. A manifest (.manifest.json) and TFX's description (.ir.txt) are "
    "written beside it.",
)
def compile_(config: str | None, overrides: tuple[str, ...], out: Path) -> None:
    """Write the pipeline for Kubeflow Pipelines 2, or Vertex AI (kubeflow.target)."""
    from pipeline.kubeflow.compile import output
    from pipeline.settings import config as configuration

    output.write(configuration.load(config, overrides).config, out)


cli.add_command(predict.predict)
cli.add_command(batch.batch)
cli.add_command(serve.serve)
cli.add_command(kubeflow.submit)
cli.add_command(kubeflow.schedule)


@cli.group(name="config")
def config_group() -> None:
    """Look at configurations."""


@config_group.command()
@_config_option
@_set_option
def show(config: str | None, overrides: tuple[str, ...]) -> None:
    """Print the effective configuration and where each value came from."""
    from pipeline.settings import config as configuration

    click.echo(configuration.render(configuration.load(config, overrides)), nl=False)


@config_group.command(name="list")
def list_() -> None:
    """Print the names of the shipped configurations."""
    from pipeline.settings import config as configuration

    for name in configuration.shipped_names():
        click.echo(f"{name:<16} {configuration.headline(name)}")


def _print_answer(path: Path, scores: Sequence[tuple[str, float]]) -> None:
    click.echo(f"{path}: " + "  ".join(f"{label} {score:.3f}" for label, score in scores))


def main() -> None:
    """Entry point of `bitpipe` and `python -m pipeline`."""
    cli(prog_name="bitpipe")
