"""The machine that figures belong to."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil


def describe() -> str:
    """CPU model, cores that this process may use and memory in one line."""
    memory = psutil.virtual_memory().total / 2**30
    usable, all_of_them = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    cores = f"{usable} of {all_of_them}" if usable < all_of_them else f"{all_of_them}"
    return f"{_cpu_model()}, {cores} cores, {memory:.0f} GiB, {platform.system()}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
