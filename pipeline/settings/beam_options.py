"""Rules on `beam.options`, of which Beam itself says nothing: it ignores what it does not know."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from bitpipe.errors import ConfigError

# What a setting says. Given twice, one of the two would be ignored without a word.
_SAID_BY = {
    "runner": "beam.runner",
    "job_endpoint": "beam.job_endpoint",
    "environment_type": "beam.image or beam.worker_pool",
    "environment_config": "beam.image or beam.worker_pool",
    "sdk_container_image": "beam.image",
    "worker_harness_container_image": "beam.image",
    "parallelism": "beam.parallelism",
    "num_workers": "beam.parallelism",
    "project": "beam.project",
    "region": "beam.region",
    "temp_location": "beam.temp_location",
    "direct_num_workers": "data.workers",
    "direct_running_mode": "data.workers",
}
# Where Beam in Python declares its options, and how.
_SOURCE = "options/pipeline_options.py"
_DECLARED = re.compile(r"""['"]--([a-z][a-z0-9_-]*)['"]""")


def check(given: Iterable[str], *, has_own: bool) -> None:
    """Refuses options that Beam would ignore, or that another setting says.

    Args:
        given: as on Beam's command line, each `--name` or `--name=value`.
        has_own: whether the runner may know options that Beam in Python does not, as the job
            servers of Flink and Spark: then only what looks like a slip is refused.

    Raises:
        ConfigError: in one sentence.
    """
    known = _known()
    for option in given:
        name = option[2:].partition("=")[0]
        if setting := _SAID_BY.get(name):
            raise ConfigError(
                f"beam.options must not repeat what a setting says. Received: {option!r}; "
                f"set {setting} instead."
            )
        if not known or name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if close or not has_own:
            hint = f"did you mean --{close[0]}?" if close else "remove it."
            raise ConfigError(f"beam.options: Beam has no option --{name}; {hint}")


def _known() -> frozenset[str]:
    """Names of Beam's options, read from its source: importing it takes seconds.

    Empty where it is not installed.
    """
    found = importlib.util.find_spec("apache_beam")
    if found is None or not found.origin:
        return frozenset()
    try:
        text = (Path(found.origin).parent / _SOURCE).read_text()
    except OSError:
        return frozenset()
    return frozenset(_DECLARED.findall(text))
