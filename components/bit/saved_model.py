"""TF2 SavedModels as sources of weights: their arrays, and what they answer to an image."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from bitpipe.errors import ModelLoadError, UnreachableWeightsError, WeightsError
from bitpipe.model import description
from bitpipe.model.signature import SERVING
from bitpipe.stores.links import without_pattern
from components.bit.matching import Array

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# Of an export's list `variables`, in its checkpoint.
_VARIABLE_KEY = "variables/{}/.ATTRIBUTES/VARIABLE_VALUE"
# Odd and not square, so that wrong padding or swapped sides show; small, to cost nothing. 224 is
# for modules that were traced for the size of ImageNet pictures alone.
IMAGE_SIZES = ((97, 65), (224, 224))


def resolve(handle: str) -> Path:
    """The local folder of a TF Hub handle, downloaded by tensorflow-hub if it is not cached.

    Raises:
        UnreachableWeightsError: the handle cannot be reached, or is no module.
        WeightsError: tensorflow-hub is missing or too old.
    """
    try:
        import tensorflow_hub  # not above: it loads Keras 2 too, for seconds, and few runs need it
    except ImportError as error:  # TFX asks for 0.15, which this TensorFlow has outgrown
        release = ".".join(tf.__version__.split(".")[:2])
        raise WeightsError(
            f"TF Hub handles need tensorflow-hub 0.16.1. Received: {handle}. Install it: uv pip "
            f"install tensorflow-hub==0.16.1 'tf-keras=={release}.*'."
        ) from error
    try:
        return Path(tensorflow_hub.resolve(handle))
    except Exception as error:  # the hub raises whatever its HTTP client and tarfile raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnreachableWeightsError(
            f"cannot get the TF Hub module {handle}: {reason}. Check the handle and the connection "
            "and run again, or set TFHUB_CACHE_DIR to a cache that holds it."
        ) from error


def read(path: Path) -> list[list[Array]]:
    """The floating-point arrays of a SavedModel, once for every order they may have been made in.

    The orders are those of the object graph, from the root layer by layer and branch by branch,
    and that of the sorted places in it. Exports of ours say what their arrays are called. Nothing
    of the model is run.

    Raises:
        WeightsError: `path` holds a damaged SavedModel.
    """
    with without_pattern(str(path)) as folder:
        return _read(Path(folder), path)


def _read(folder: Path, path: Path) -> list[list[Array]]:
    """As `read`; errors name `path`."""
    try:
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        keys = reader.get_variable_to_shape_map()
        places = _described(path, keys) or list(_places(reader, keys))
        arrays = {
            key: Array(name, reader.get_tensor(key))
            for key, name in places
            if reader.get_variable_to_dtype_map()[key].is_floating
        }
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise _damaged(path) from error
    breadth_first = list(arrays)
    depth_first = [key for key in _depth_first(reader, keys) if key in arrays]
    by_place = sorted(arrays, key=_natural)
    orders = []
    for order in (breadth_first, depth_first, by_place):
        if len(order) == len(arrays) and order not in orders:
            orders.append(order)
    return [[arrays[key] for key in order] for order in orders]


class Module:
    """A loaded SavedModel that answers to float images.

    Raises:
        WeightsError: it cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        try:
            # On the CPU, where float32 is float32: an accelerator may multiply in TF32.
            with tf.device("/cpu:0"), without_pattern(str(path)) as folder:
                self._module = tf.saved_model.load(folder)
        except Exception as error:  # loading runs into every kind of error a graph can have
            raise _damaged(path) from error
        self._path = path

    def answer(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """A random image (1, H, W, 3) in [0, 1] of a size the module takes, and its answer (1, N).

        Raises:
            WeightsError: no function of the module takes float images.
        """
        for call, size in self._functions():
            images = np.random.default_rng(seed).random((1, *size, 3), dtype=np.float32)
            try:
                return images, call(images)
            except (TypeError, ValueError, tf.errors.OpError):
                continue
        raise WeightsError(
            "a SavedModel must take float images (B, H, W, 3), when called or in its signature "
            f"{SERVING!r}, to be checked before it is trusted. Received: {self._path}, which takes "
            f"{self._signature_inputs()}."
        )

    def answer_to(self, images: np.ndarray) -> np.ndarray:
        """The module's answer (1, N) to other images of the size that `answer` has found."""
        for call, size in self._functions():
            if size == images.shape[1:3]:
                try:
                    return call(images)
                except (TypeError, ValueError, tf.errors.OpError):
                    continue
        raise AssertionError(f"no function takes {images.shape}")

    def _functions(self) -> Iterator[tuple[Callable[[np.ndarray], np.ndarray], tuple[int, int]]]:
        if callable(self._module):
            for size in (*self._traced_sizes(), *IMAGE_SIZES):
                yield (lambda images: _flat(self._module(tf.constant(images)))), size
        if signature := self._module.signatures.get(SERVING):
            (name, *others) = signature.structured_input_signature[1]
            if others:
                return
            for size in (*self._traced_sizes(), *IMAGE_SIZES):
                yield (lambda images: _flat(signature(**{name: tf.constant(images)}))), size

    def _traced_sizes(self) -> Sequence[tuple[int, int]]:
        """The one image size of the signature, if it is fixed."""
        signature = getattr(self._module, "signatures", {}).get(SERVING)
        for spec in signature.structured_input_signature[1].values() if signature else ():
            shape = spec.shape
            if shape.rank == 4 and shape[1] and shape[2]:
                return [(shape[1], shape[2])]
        return []

    def _signature_inputs(self) -> str:
        signature = self._module.signatures.get(SERVING)
        taken = signature.structured_input_signature[1] if signature else {}
        inputs = (f"{name} ({spec.dtype.name} {spec.shape})" for name, spec in taken.items())
        return ", ".join(inputs) or "nothing"


def _flat(outputs: Any) -> np.ndarray:
    """Features or logits (B, N) out of what modules return: a tensor or a dictionary with one."""
    if isinstance(outputs, dict):
        if len(outputs) != 1:
            raise ValueError("more than one output")
        (outputs,) = outputs.values()
    if not isinstance(outputs, tf.Tensor) or not outputs.dtype.is_floating:
        raise ValueError("not a floating-point tensor")
    array = outputs.numpy()
    if array.ndim == 4 and array.shape[1:3] == (1, 1):
        array = array[:, 0, 0]
    if array.ndim != 2:
        raise ValueError("neither features nor logits")
    return array.astype(np.float32)


def _described(path: Path, keys: Collection[str]) -> list[tuple[str, str]]:
    """Key and name of every variable as the model describes itself; nothing where it does not."""
    try:
        known = description.read(str(path))
    except ModelLoadError as error:
        raise WeightsError(str(error)) from error
    named = enumerate(known.variables if known else ())
    places = [(_VARIABLE_KEY.format(number), name) for number, name in named]
    if lost := [name for key, name in places if key not in keys]:
        raise WeightsError(
            f"the SavedModel {path} describes weights that it does not hold: {', '.join(lost[:3])}"
            f"{', ...' if lost[3:] else ''}. Copy it again, or take its {description.PLACE} away."
        )
    return places


def _places(reader: Any, keys: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and name of every variable, in the order of the object graph."""
    if OBJECT_GRAPH not in keys:
        yield from ((key, key) for key in keys)
        return
    for node in _graph(reader).nodes:
        for attribute in node.attributes:
            if attribute.checkpoint_key in keys:
                yield attribute.checkpoint_key, attribute.full_name or attribute.checkpoint_key


def _depth_first(reader: Any, keys: dict[str, Any]) -> Iterator[str]:
    if OBJECT_GRAPH not in keys:
        return
    nodes = _graph(reader).nodes
    seen, waiting = {0}, [0]
    while waiting:
        node = nodes[waiting.pop()]
        yield from (attribute.checkpoint_key for attribute in node.attributes)
        for child in reversed(node.children):
            if child.node_id not in seen:
                seen.add(child.node_id)
                waiting.append(child.node_id)


def _graph(reader: Any) -> Any:
    return trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        reader.get_tensor(OBJECT_GRAPH)
    )


def _natural(key: str) -> list[tuple[int, int | str]]:
    """Sorts `layer-10` after `layer-9`."""
    parts = re.split(r"(\d+)", key)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def _damaged(path: Path) -> WeightsError:
    """What TensorFlow says of it names operations and nodes; whoever logs the cause has it."""
    return WeightsError(
        f"cannot load the SavedModel {path}: it is damaged, or part of it is missing. Export, copy "
        "or download it again."
    )
