"""Options of Beam, as on its command line."""

from collections.abc import Sequence

from bitpipe import cores

# Everything runs in the process that asks.
IN_PROCESS = (
    # What DirectRunner falls back to, after trying to download another runner.
    "--runner=FnApiRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
)
# As `--direct_num_workers`.
ALL_CORES = 0

_RUNNERS_HERE = ("FnApiRunner", "DirectRunner")
# Each costs the memory of TensorFlow; who has more cores says how many are to be used.
_MOST_WORKERS = 16


def is_in_process(options: Sequence[str]) -> bool:
    """Whether all runs in the process that asks: then work can be shared out without Beam."""
    runner = value(options, "runner") or "DirectRunner"
    mode = value(options, "direct_running_mode") or "in_memory"
    return runner in _RUNNERS_HERE and mode == "in_memory"


def workers(options: Sequence[str]) -> int:
    """How many workers shall share the work on this machine; Beam's 0 is one per core."""
    number = int(value(options, "direct_num_workers") or 1)
    return number if number != ALL_CORES else min(cores.available(), _MOST_WORKERS)


def value(options: Sequence[str], name: str) -> str:
    """What `--name=` is given; the last one counts; empty where there is none."""
    values = [option.partition("=")[2] for option in options if option.startswith(f"--{name}=")]
    return values[-1] if values else ""
