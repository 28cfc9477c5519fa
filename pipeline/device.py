"""What TensorFlow computes on, in words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bitpipe.wording import counted

# There wherever NVIDIA's kernel module is loaded.
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def describe() -> str:
    """The accelerators, or the CPU with its usable cores, of this process.

    Says so where the machine has a GPU that TensorFlow cannot use. Imports TensorFlow.
    """
    import tensorflow as tf

    return words(
        tf.config.list_physical_devices("GPU"),
        tf.config.experimental.get_device_details,
        cores=len(os.sched_getaffinity(0)),
        has_driver=_NVIDIA_DRIVER.exists(),
        tpu=os.environ.get("TPU_NAME", ""),
    )


def words(
    gpus: Sequence[Any],
    details: Callable[[Any], dict[str, Any]],
    *,
    cores: int,
    has_driver: bool,
    tpu: str = "",
) -> str:
    """See `describe`.

    Args:
        gpus: that TensorFlow can use.
        details: what TensorFlow knows of one of them.
        cores: of the CPU.
        has_driver: the machine has NVIDIA's.
        tpu: the name of one; empty where there is none.
    """
    if tpu:
        return f"TPU {tpu}"
    if gpus:
        names = Counter(str(details(gpu).get("device_name", "of unknown name")) for gpu in gpus)
        return ", ".join(f"{f'{n} x ' if n > 1 else ''}GPU {name}" for name, n in names.items())
    cpu = f"CPU ({counted(cores, 'core')})"
    if has_driver:
        return f"{cpu}; TensorFlow cannot use the GPU of this machine, see `make setup GPU=1`"
    return cpu
