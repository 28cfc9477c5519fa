"""`bitpipe evaluate`: how good a model is on any labelled pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands import options


@click.command(short_help="Judge a served or given model on labelled pictures.")
@click.option("--data", required=True, help="Labelled pictures, as of `bitpipe run`.")
@click.option(
    "--models",
    "model",
    default="serving",
    show_default=True,
    metavar="A [B]",
    help="A SavedModel, or a folder of versions (OUT/serving), of which the one in service is "
    "taken. With a second one both are compared on the same pictures.",
)
@click.argument("second", required=False, metavar="")
@click.option(
    "--split",
    help="The split that is judged on where the data bring splits.  [default: test, else all]",
)
@click.option(
    "--out",
    type=options.LocalPath(file_okay=False),
    help="Folder for the report.  [default: evaluation-TIME]",
)
@options.configuration
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def evaluate(
    data: str,
    model: str,
    second: str | None,
    split: str | None,
    out: Path | None,
    config: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Judge models on labelled pictures through their production signature, and write the report.

    No run is needed, nothing is trained, and no gate is asked: low accuracy is no error. Of
    --config and --set, the group `data` counts.

    Exit codes: 0 done; 2 usage or data error; 1 anything else.
    """
    from bitpipe import frameworks
    from pipeline.evaluation import judging
    from pipeline.settings import config as configuration
    from pipeline.terminal import bar

    settings = configuration.load(config, overrides).config.data
    frameworks.silence()
    models = [model, *([second] if second else [])]
    with bar.shown() as advance:
        judged = judging.judge(
            data,
            models,
            settings,
            split=split,
            watch=(lambda done, total: advance(done, 0, total)) if advance else None,
        )

    import datetime
    import shlex

    from pipeline.evaluation import telling

    now = datetime.datetime.now().astimezone()
    folder = out or Path(f"evaluation-{now:%Y%m%d-%H%M%S}")
    command = f"bitpipe {shlex.join(sys.argv[1:])}"
    page = telling.write(judged, settings, folder, data=data, command=command)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(telling.as_dict(judged, page)))
    else:
        from pipeline.terminal.evaluation import print_judged

        print_judged(
            judged.models, judged.measured, judged.notes, judged.rejected, page, sys.stdout
        )
