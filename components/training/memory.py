"""How many pictures a device can hold while it computes gradients."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import psutil
import tensorflow as tf
from tensorflow.python.client import device_lib

from bitpipe.errors import TrainingError

# Fragmentation, the runtime and whatever else lives on the machine want the rest.
_USABLE_SHARE = 0.7
# What a step takes at its peak, beyond the model itself: so many times its weights, and for each
# picture this share of the outputs of all layers. Measured on a CPU in float32 (TensorFlow 2.16,
# 2026-11-24) as growth of the process; tests/components/training/test_memory.py has the figures,
# 10 to 15 % below this rule.
_COPIES_OF_WEIGHTS = 8
_KEPT_SHARE = 0.75
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def micro_batch_size(model: keras.Model, batch_size: int, side: int, available: int) -> int:
    """The largest divisor of `batch_size` whose activations fit.

    Args:
        model: of `resnet_v2.build`.
        batch_size: pictures per step on one device.
        side: height and width of a picture in pixels.
        available: bytes, of `available_bytes`.

    Returns:
        At least 1, also when not even one picture seems to fit.
    """
    fixed, per_picture = step_bytes(model, side)
    pictures = 2 * _bytes((batch_size, side, side, 3), "float32")
    fitting = max(1, int((_USABLE_SHARE * available - fixed - pictures) // per_picture))
    return max(n for n in range(1, batch_size + 1) if batch_size % n == 0 and n <= fitting)


def require_batch(batch_size: int, picture_bytes: int) -> None:
    """Refuses a batch that cannot be put together, however small its micro-batches are.

    Args:
        batch_size: pictures that this machine has to hold at a time.
        picture_bytes: of each.

    Raises:
        TrainingError: more than there is.
    """
    needed, available = batch_size * picture_bytes, host_bytes()
    if needed > available:
        what, setting = f"a batch of {batch_size:,} pictures", "train.batch_size"
        if batch_size == 1:
            what, setting = "a picture", "train.crop and train.resize"
        raise TrainingError(
            f"{what} takes {needed / 2**30:,.1f} GiB of memory, {available / 2**30:.1f} are free. "
            f"Set {setting} lower."
        )


def step_bytes(model: keras.Model, side: int) -> tuple[int, int]:
    """Bytes that a step takes at its peak: in any case, and for each picture of a micro-batch."""
    weights = sum(_bytes(v.shape, v.dtype) for v in model.variables)
    return _COPIES_OF_WEIGHTS * weights, int(_KEPT_SHARE * activation_bytes(model, side))


def activation_bytes(model: keras.Model, side: int) -> int:
    """Bytes of the outputs of all layers for one picture (side, side, 3)."""
    every = keras.Model(model.input, [layer.output for layer in model.layers])
    outputs = every.compute_output_spec(keras.KerasTensor((1, side, side, 3), dtype="float32"))
    return sum(_bytes(output.shape, output.dtype) for output in outputs)


def available_bytes() -> int:
    """Memory of the smallest GPU, or of `host_bytes`."""
    gpus = [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    return min(gpus) if gpus else host_bytes()


def host_bytes() -> int:
    """What this machine and this process' control group, as of a container, have free."""
    available = psutil.virtual_memory().available
    used = psutil.Process().memory_info().rss
    for name in _CGROUP_LIMITS:
        path = Path(name)
        if path.exists() and (text := path.read_text().strip()).isdigit():
            available = min(available, max(0, int(text) - used))
    return available


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * tf.as_dtype(dtype).size
