"""What the training runs on: the tf.distribute strategy and the precision that suits it."""

from __future__ import annotations

import json
import os
import signal
import threading

import tensorflow as tf

from bitpipe.errors import ConfigError


def strategy(distribution: str = "auto") -> tf.distribute.Strategy:
    """The strategy for a setting of `train.distribution`.

    Must be called before TensorFlow touches a device when workers are to find each other.

    Args:
        distribution: "one_device", "mirrored" (all GPUs of this machine; its logical CPUs where
            there are none), "multi_worker" (the cluster that TF_CONFIG describes), "tpu" (the one
            that TPU_NAME names, or of this machine), or "auto": the first that fits of a TPU that
            TPU_NAME names, several workers in TF_CONFIG, several GPUs, one device.

    Raises:
        ConfigError: the cluster or the TPU is not there.
    """
    if distribution == "auto":
        distribution = _what_is_there()
    if distribution == "multi_worker":
        if _workers() < 1:
            raise ConfigError(
                "train.distribution is multi_worker, but TF_CONFIG describes no workers. "
                "Set it on every worker, or train.distribution=auto."
            )
        chosen = tf.distribute.MultiWorkerMirroredStrategy()
        _give_back_sigterm()
        return chosen
    if distribution == "tpu":
        return _tpu()
    if distribution == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return tf.distribute.MirroredStrategy(
            [device.name for device in tf.config.list_logical_devices(kind)]
        )
    return tf.distribute.get_strategy()  # TensorFlow's own placement: the GPU, if there is one


def accelerated(chosen: tf.distribute.Strategy) -> bool:
    """Whether the strategy computes on GPUs or a TPU."""
    return isinstance(chosen, tf.distribute.TPUStrategy) or bool(
        tf.config.list_physical_devices("GPU")
    )


def is_one_machine(chosen: tf.distribute.Strategy) -> bool:
    """Whether the strategy computes on this machine's CPU or GPUs alone."""
    return not isinstance(
        chosen, (tf.distribute.MultiWorkerMirroredStrategy, tf.distribute.TPUStrategy)
    )


def policy(precision: str, chosen: tf.distribute.Strategy) -> str:
    """The Keras dtype policy for a setting of `train.precision`.

    "auto" is mixed_bfloat16 on TPUs and on GPUs of compute capability 8.0 or more (whose tensor
    cores compute in it), mixed_float16 from 7.0 on, float32 elsewhere.
    """
    if precision != "auto":
        return precision
    if isinstance(chosen, tf.distribute.TPUStrategy):
        return "mixed_bfloat16"
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in gpus
    ]
    if not capabilities or min(capabilities) < (7, 0):
        return "float32"
    return "mixed_bfloat16" if min(capabilities) >= (8, 0) else "mixed_float16"


def is_chief() -> bool:
    """Whether this process is the one of all workers that writes what is shared."""
    task = _tf_config().get("task", {})
    return (
        _workers() < 2
        or task.get("type") == "chief"
        or (
            task.get("type") == "worker"
            and int(task.get("index", 0)) == 0
            and not _tf_config().get("cluster", {}).get("chief")
        )
    )


def of_all_workers(number: int, chosen: tf.distribute.Strategy) -> list[int]:
    """What every worker calls this with, in their order; waits until all of them have."""
    if not isinstance(chosen, tf.distribute.MultiWorkerMirroredStrategy):
        return [number]
    of_replicas = chosen.run(lambda: tf.constant([number], tf.float32))
    gathered = chosen.gather(of_replicas, axis=0).numpy().reshape(_workers(), -1)
    return [int(of_worker) for of_worker in gathered[:, 0]]


def _give_back_sigterm() -> None:
    """Lets SIGTERM do again what it did before.

    TensorFlow's service that connects the workers handles it in C++, for those who ask it about
    preemption: it notes the time and does nothing else, and the worker could not be ended.
    """
    handler = signal.getsignal(signal.SIGTERM)  # Python's, which knows nothing of the other
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _what_is_there() -> str:
    if os.environ.get("TPU_NAME"):
        return "tpu"
    if _workers() > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one_device"


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=os.environ.get("TPU_NAME", "local")
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:
        raise ConfigError(
            f"train.distribution is tpu, but no TPU answers ({str(error).splitlines()[0]}). "
            "Run on a TPU host, or set train.distribution=auto."
        ) from error


def _workers() -> int:
    cluster = _tf_config().get("cluster", {})
    return len(cluster.get("worker", ())) + len(cluster.get("chief", ()))


def _tf_config() -> dict:
    text = os.environ.get("TF_CONFIG", "")
    try:
        return json.loads(text) if text else {}
    except ValueError:
        raise ConfigError(f"TF_CONFIG is not JSON. Received: {text[:80]!r}.") from None
