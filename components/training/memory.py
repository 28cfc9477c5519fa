"""How many pictures a device can hold while it computes gradients."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import psutil
import tensorflow as tf
from tensorflow.python.client import device_lib

# Fragmentation, the runtime and whatever else lives on the machine want the rest.
_USABLE_SHARE = 0.7
# Weights, momentum, gradients of the step and of the micro-batch.
_COPIES_OF_WEIGHTS = 4
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
    fixed = _COPIES_OF_WEIGHTS * sum(_bytes(v.shape, v.dtype) for v in model.variables)
    free = _USABLE_SHARE * available - fixed - 2 * _bytes((batch_size, side, side, 3), "float32")
    fitting = max(1, int(free // activation_bytes(model, side)))
    return max(n for n in range(1, batch_size + 1) if batch_size % n == 0 and n <= fitting)


def activation_bytes(model: keras.Model, side: int) -> int:
    """Bytes that one picture (side, side, 3) takes while gradients are computed.

    The outputs of all layers. Not all of them are kept for the gradient (that of a normalisation is
    not), which leaves room for what the gradient itself needs.
    """
    every = keras.Model(model.input, [layer.output for layer in model.layers])
    outputs = every.compute_output_spec(keras.KerasTensor((1, side, side, 3), dtype="float32"))
    return sum(_bytes(output.shape, output.dtype) for output in outputs)


def available_bytes() -> int:
    """Memory of the smallest GPU, or what this machine and its control group have free."""
    gpus = [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    if gpus:
        return min(gpus)
    available = psutil.virtual_memory().available
    used = psutil.Process().memory_info().rss
    for name in _CGROUP_LIMITS:
        path = Path(name)
        if path.exists() and (text := path.read_text().strip()).isdigit():
            available = min(available, max(0, int(text) - used))
    return available


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * tf.as_dtype(dtype).size
