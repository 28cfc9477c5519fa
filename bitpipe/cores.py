"""How much of this machine's processors is ours."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available(cgroup: Path = _CGROUP) -> int:
    """Cores that this process may use, at least 1: those it is bound to, or a container's limit.

    Args:
        cgroup: where Linux mounts the control group's files, of version 2 or 1.
    """
    try:
        bound = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        bound = os.cpu_count() or 1
    return max(1, min(bound, _limit(cgroup)))


def _limit(cgroup: Path) -> int:
    """Whole cores that the limit allows, rounded up; a large number for none."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((cgroup / name).read_text() for name in names).split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):  # none, or "max"
            continue
        if quota > 0 and period > 0:
            return math.ceil(quota / period)
    return 1 << 16
