"""In which precision an exported network computes, and the network that does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from components import progress
from components.bit import resnet_v2
from components.training import devices, loop, pace

FLOAT32, BFLOAT16 = "float32", "bfloat16"
# A SavedModel's graph is one message of Protocol Buffers, which end at 2 GiB.
_MOST_CONSTANT_BYTES = 1_900_000_000
# `auto` gives up digits for at least so much speed.
_LEAST_GAIN = 1.1
_PICTURES = 8
_CPU = Path("/proc/cpuinfo")
# Linux' names of the instructions that multiply bfloat16: x86's two, and ARM's.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}

_Network = Callable[[tf.Tensor], tf.Tensor]


def choose(setting: str, model: keras.Model, size: int, strategy: tf.distribute.Strategy) -> str:
    """FLOAT32 or BFLOAT16, told where it is not what an export was before.

    Args:
        setting: of `export.precision`. "auto" takes bfloat16 where this machine multiplies in it
            and a batch is then answered faster, measured.
        model: of `resnet_v2.build`, in float32.
        size: side of its pictures in pixels.
        strategy: what training computed on.
    """
    native = multiplies_bfloat16(strategy)
    if setting == BFLOAT16 and not native:
        _say(
            "exported in bfloat16, which this machine does not multiply in: digits are lost and no "
            "time is gained. What is to be served by a machine that does is exported on one"
        )
    if setting != "auto":
        return setting
    if not native:
        _say("export.precision=auto takes float32: this machine does not multiply in bfloat16")
        return FLOAT32
    folded = resnet_v2.fold(model, one_pass=True)
    seconds = {name: _seconds(network(folded, name), size) for name in (FLOAT32, BFLOAT16)}
    gain = seconds[FLOAT32] / seconds[BFLOAT16]
    chosen = BFLOAT16 if gain >= _LEAST_GAIN else FLOAT32
    _say(f"export.precision=auto takes {chosen}: bfloat16 answers {gain:.1f} times as fast here")
    return chosen


def multiplies_bfloat16(strategy: tf.distribute.Strategy) -> bool:
    """Whether the accelerator has instructions for it, or where there is none, the CPU."""
    if devices.accelerated(strategy):
        return devices.policy("auto", strategy) == "mixed_bfloat16"
    return bool(_CPU_FLAGS & _flags())


def network(folded: keras.Model, precision: str) -> _Network:
    """What answers: pictures (B, H, W, 3) float32 in [0, 1] -> logits (B, classes) float32.

    Args:
        folded: of `resnet_v2.fold`, in float32.
        precision: FLOAT32, which reads the variables of `folded`; BFLOAT16, which holds constants
            of its own, half as large, where a file has room for them: else all kernels would be
            converted for every batch. Where this machine does not multiply in bfloat16, the
            convolutions of its values are computed in float32, with the same sums.
    """
    if precision == FLOAT32:
        return lambda pictures: folded(pictures, training=False)
    native = multiplies_bfloat16(tf.distribute.get_strategy())
    halved = resnet_v2.in_bfloat16(folded, widened=not native)
    if sum(_bytes(variable) for variable in halved.variables) > _MOST_CONSTANT_BYTES:
        return lambda pictures: halved.stateless_call(
            [variable.value for variable in folded.trainable_variables], [], pictures
        )[0]
    traced = tf.function(
        lambda pictures: halved(pictures, training=False),
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)],
    )
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())
    return lambda pictures: frozen(pictures)[0]


def _seconds(answers: _Network, size: int) -> float:
    traced = tf.function(answers)
    pictures = tf.random.uniform((_PICTURES, size, size, 3))
    return pace.seconds(lambda: traced(pictures))


def _bytes(variable: keras.Variable) -> int:
    value = variable.value
    return int(value.shape.num_elements()) * value.dtype.size


def _flags() -> set[str]:
    try:
        lines = _CPU.read_text().splitlines()
    except OSError:  # not Linux
        return set()
    parts = (line.partition(":") for line in lines)
    return {
        flag
        for name, _, flags in parts
        if name.strip() in ("flags", "Features")
        for flag in flags.split()
    }


def _say(sentence: str) -> None:
    progress.say(loop.STAGE, sentence)
