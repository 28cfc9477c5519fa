"""Work in a folder of outputs: it is claimed, logged and shown, and what fails is explained."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitpipe import full_disk, job_service
from bitpipe.errors import BitpipeError, causes
from pipeline import logs, scratch, workspace
from pipeline.settings import beam
from pipeline.settings.config import Config

if TYPE_CHECKING:
    from pipeline.terminal.display import Display

# Libraries put the content of a broken record into their message.
_SHOWN_CHARACTERS = 300

_GOES_ON = "run the same command again: it goes on where this one stopped"


class UnexpectedError(BitpipeError):
    """A stage failed for a reason that is not the user's."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A folder that is claimed, and the file for what frameworks say."""

    space: workspace.Workspace
    out: Path
    temporary: Path
    log_file: Path
    verbose: bool
    engine: Sequence[str]  # as options of Beam

    @property
    def _places(self) -> dict[Path, str]:
        """Where a run writes, and what the user calls it."""
        temporary = self.temporary.parent
        return {
            self.space.out: f"--out {self.out}",
            temporary: f"the temporary files, {temporary} (TMPDIR names another one)",
        }

    @contextlib.contextmanager
    def shown(self) -> Iterator[Display]:
        """A display on stderr; what is raised below it becomes a `BitpipeError`."""
        from pipeline.terminal.display import Display

        try:
            with (
                logs.captured(self.log_file, verbose=self.verbose) as terminal,
                Display(terminal.err) as display,
            ):
                try:
                    yield display
                except Exception as error:
                    logging.exception("the run failed")
                    _let_go(error)
                    raise
        except BitpipeError:
            raise
        except Exception as error:
            for one in causes(error):
                if isinstance(one, BitpipeError):  # Beam and TFX put errors into theirs
                    raise one from None
            if full := full_disk.explained(error, self._places, _GOES_ON):
                raise full from error
            if told := job_service.explained(error, self.engine):
                raise told from error
            raise UnexpectedError(
                f"{type(error).__name__}: {_first_line(error)} The whole log is in {self.log_file}."
            ) from error


@contextlib.contextmanager
def working(
    config: Config, data: str, out: Path, models: str | None, *, verbose: bool
) -> Iterator[Work]:
    """Claims a folder for outputs, and one for temporary files, which goes at the end.

    Takes what `pipeline.launch.run` is given.

    Raises:
        BitpipeError: the folder is not to be had, or Beam's engine is not there.
    """
    engine = beam.options(config.beam)
    job_service.require(engine)
    with workspace.opened(out, data, models) as space, scratch.folder() as temporary:
        log_file = space.logs / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
        yield Work(space, out, temporary, log_file, verbose, engine)


def _let_go(error: BaseException) -> None:
    """Closes what a failed stage has left open, while what TensorFlow says of that is logged."""
    for one in causes(error):
        traceback.clear_frames(one.__traceback__)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0][:_SHOWN_CHARACTERS].rstrip(".") + ".") if text else "No message."
