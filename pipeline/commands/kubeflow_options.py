"""Options that several of Kubeflow's commands share."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pipeline.commands import options

if TYPE_CHECKING:
    from pipeline.settings.config import Config

_CONNECTION = (
    click.option(
        "--host",
        envvar=["KFP_HOST", "KF_PIPELINES_ENDPOINT"],
        metavar="URL",
        help="Kubeflow Pipelines. Environment: KFP_HOST.",
    ),
    click.option("--token", envvar="KFP_TOKEN", help="Bearer token. Environment: KFP_TOKEN."),
    click.option(
        "--token-file",
        envvar="KF_PIPELINES_SA_TOKEN_PATH",
        metavar="FILE",
        help="File with the token, read again for every request. Environment: "
        "KF_PIPELINES_SA_TOKEN_PATH.",
    ),
    click.option(
        "--namespace",
        envvar="KFP_NAMESPACE",
        help="Yours, where Kubeflow serves several users. Environment: KFP_NAMESPACE.",
    ),
    click.option("--ca-cert", metavar="FILE", help="Certificates that sign the host's."),
    click.option(
        "--ui-host",
        envvar="KF_PIPELINES_UI_ENDPOINT",
        metavar="URL",
        help="Kubeflow's pages, where they are not at the host. Environment: "
        "KF_PIPELINES_UI_ENDPOINT.",
    ),
)
_ORDER = (
    options.configuration,
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="One of the pipeline's parameters, for example data=gs://bucket/photos. Repeatable.",
    ),
    click.option(
        "--experiment", help="Groups runs on Kubeflow's page. Default: the configuration's name."
    ),
    click.option(
        "--pipeline-root",
        default="",
        metavar="URI",
        help="Where Kubeflow keeps its own outputs. Default: the installation's.",
    ),
)
force = click.option(
    "--force",
    is_flag=True,
    help="Also where that ends a run in flight, as Kubeflow Pipelines before 2.16 does; newer ones "
    "let it go on.",
)


def note(text: str) -> None:
    """For people; stdout is for the result."""
    click.echo(text, err=True)


@dataclasses.dataclass(frozen=True)
class Order:
    """What to run, as it was typed."""

    config: str | None
    overrides: tuple[str, ...]
    params: tuple[str, ...]
    experiment: str | None
    pipeline_root: str

    def load(self) -> Config:
        """The configuration; ConfigError where it cannot be used."""
        from pipeline.settings import config as configuration

        return configuration.load(self.config, self.overrides).config

    def how(self) -> dict[str, Any]:
        """The rest, as `pipeline.kubeflow.cluster` takes it."""
        names = ("params", "experiment", "pipeline_root")
        return {name: getattr(self, name) for name in names}


def ordered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what to run and hands them over as one `order`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        fields = {field.name: given.pop(field.name) for field in dataclasses.fields(Order)}
        return command(order=Order(**fields), **given)

    return options.group(*_ORDER)(wrapped)


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the connection's options and hands them over as one `connection`.

    What a subcommand was not told, its group may have been.
    """

    @functools.wraps(command)
    def wrapped(**typed: Any) -> Any:
        from pipeline.kubeflow.api.connection import Connection

        context = click.get_current_context()
        outer = context.parent.params if context.parent else {}
        given = {}
        for name in (field.name for field in dataclasses.fields(Connection)):
            own = typed.pop(name)
            said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
            given[name] = (own if said else outer.get(name) or own) or ""
        return command(connection=Connection(**given), **typed)

    return options.group(*_CONNECTION)(wrapped)


class Moment(click.ParamType):
    """A date, or a date with a time, in ISO 8601; UTC where it names no zone."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime.datetime:
        """An ISO 8601 moment; UTC where it names no zone."""
        try:
            # Python 3.10 does not know Z.
            moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is no time as in 2030-01-31T02:00:00Z.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
