"""Loads pre-trained weights into a network, completely or not at all.

A source is a name in `sources.SOURCES`, a `.npz` or TF2 `.h5` file of google-research/big_transfer
(path or address), a TF2 SavedModel folder (one of our own exports, for instance), or a TF Hub
handle.
"""

import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from bitpipe.errors import WeightsError
from components.bit import download, files, matching, resnet_v2, saved_model, sources
from components.bit.matching import HEAD_BIAS, HEAD_KERNEL, Array

_log = logging.getLogger(__name__)

# Module and network must agree this closely on one image; wrong matchings differ by about 1.
MODULE_TOLERANCE = 1e-3

Weights = dict[str, np.ndarray]


def load(
    model: keras.Model,
    source: str | Path,
    *,
    head: bool = False,
    trusted: bool = False,
    cache: Path | None = None,
    progress: bool = True,
) -> None:
    """Fills `model` with pre-trained weights.

    Args:
        model: of `resnet_v2.build`.
        source: see above.
        head: True fills the head from the source's, which must have as many outputs. False cuts
            the source's head off and leaves the model's as it is.
        trusted: a SavedModel's program may be run, to see whether it computes what the network
            does. Its maker could have written anything into it, so by default its checkpoint is
            read and nothing run; modules that BiT's authors released are trusted.
        cache: folder for downloads; `bitpipe.cache.folder()` if None.
        progress: shows downloads on the standard error.

    Raises:
        WeightsError: the source cannot be had, read, or matched with the model weight by weight.
            The model is then as it was before.
    """
    location, form, _ = sources.locate(source)
    path = files.local(source, cache=cache, progress=progress)
    if form in ("hub", "saved_model"):
        released = form == "hub" and sources.find(source) is not None
        weights = _from_module(path, model, trusted or released)
    else:
        try:
            weights = _from_file(path, form, _shapes(model))
        except WeightsError:
            if sources.is_address(location):
                download.forget(path)  # a portal's login page, for instance, is not to be trusted
            raise
    fill(model, weights, head=head, source=source)


def of_export(path: str | Path) -> Weights:
    """Canonical name -> array of an exported model of ours, with its head; nothing of it is run.

    Raises:
        WeightsError: it is damaged, or no such export.
    """
    return matching.by_name(saved_model.read(Path(path))[0])


def _from_file(path: Path, form: str, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    try:
        arrays = _read_npz(path) if form == "npz" else _read_h5(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} cannot be read as .{form}, it is damaged or something else. Get it again."
        ) from error
    try:
        return matching.by_name(arrays)
    except WeightsError as error:
        # Keras 2 may have cut the names. Nothing can be run here to decide between two
        # matchings; the first is the order of the reference's own code.
        if form == "h5" and (candidates := matching.by_order(arrays, shapes)):
            return candidates[0]
        raise WeightsError(f"{path}: {error}") from error


def _read_npz(path: Path) -> list[Array]:
    # Opened here: of what is no archive, NumPy would leave the file open.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        # Half precision is for storage; variables take float32.
        return [Array(name, np.asarray(file[name], np.float32)) for name in file.files]


def _read_h5(path: Path) -> list[Array]:
    """Arrays of a Keras 2 weights file, in Keras' own order, named by their full path."""
    with h5py.File(path) as file:
        return [
            Array(f"{_text(layer)}/{_text(name)}", np.asarray(file[layer][name]))
            for layer in file.attrs["layer_names"]
            for name in file[layer].attrs["weight_names"]
        ]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _from_module(path: Path, model: keras.Model, trusted: bool) -> Weights:
    """Weights of a SavedModel; of a trusted one, those with which our network answers as it does.

    What has no names of its own can fit in more than one way: then only its answers tell.
    """
    shapes = _shapes(_features(model))
    orders = saved_model.read(path)
    fitting: list[Weights] = []
    reasons = []
    for weights in _candidates(orders, shapes):
        backbone = {name: value for name, value in weights.items() if not _is_head(name)}
        if reason := matching.differences(backbone, shapes):
            reasons.append(reason)
        elif not any(matching.same(weights, other) for other in fitting):
            fitting.append(weights)
    if not fitting:
        detail = reasons[0] if reasons else matching.kind_differences(orders[0], shapes)
        raise _does_not_compute(path, model, detail)
    if trusted:
        return _answering(path, model, fitting)
    if len(fitting) > 1:
        raise WeightsError(
            f"the weights of the SavedModel {path} have no names, and fit into {model.name} in "
            f"{len(fitting)} ways. Its answer to an image would tell, but it is a program that may "
            "do anything. If you trust its maker, say --trust-backbone to classify, or set "
            "model.trust_backbone to true for a run."
        )
    return fitting[0]


def _answering(path: Path, model: keras.Model, candidates: Sequence[Weights]) -> Weights:
    """The first candidate with which our network answers to an image as the SavedModel does."""
    _log.info("Running the program of the SavedModel %s, which is trusted.", path)
    module = saved_model.Module(path)
    images, answer = module.answer()
    # Modules of the hub take [0, 1]; the reference's own Keras model takes [-1, 1].
    answers = (answer, module.answer_to(2 * images - 1))
    twin = _float32_features(model)
    reasons = []
    for weights in candidates:
        for variable in twin.variables:
            variable.assign(weights[_name(variable)])
        ours = keras.ops.convert_to_numpy(twin(images, training=False))
        if HEAD_KERNEL in weights and answer.shape[1] != ours.shape[1]:
            ours = ours @ weights[HEAD_KERNEL] + weights.get(HEAD_BIAS, 0)
        if ours.shape != answer.shape:
            reasons.append(f"it answers {answer.shape}, the network {ours.shape}")
            continue
        difference = min(float(np.abs(ours - theirs).max()) for theirs in answers)
        if difference < MODULE_TOLERANCE and np.ptp(answer) > 0:
            return weights
        reasons.append(
            f"its answer to an image differs by {difference:.2g} from the network's"
            if np.ptp(answer)
            else "it answers the same to everything, which proves nothing"
        )
    raise _does_not_compute(path, model, reasons[0])


def _does_not_compute(path: Path, model: keras.Model, detail: str | None) -> WeightsError:
    return WeightsError(
        f"the SavedModel {path} does not compute what {model.name} does: {detail}. Choose the "
        "variant it was made with."
    )


def _candidates(
    orders: Sequence[Sequence[Array]], shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[Weights]:
    """Matchings to be tried, the most certain first."""
    try:
        yield matching.by_name(orders[0])
    except WeightsError:
        for arrays in orders:
            yield from matching.by_order(arrays, shapes)


def _float32_features(model: keras.Model) -> keras.Model:
    """A copy of the network without its head, in float32, to be filled and tried."""

    def in_float32(layer: keras.layers.Layer) -> keras.layers.Layer:
        return layer.__class__.from_config(layer.get_config() | {"dtype": "float32"})

    return keras.models.clone_model(_features(model), clone_function=in_float32)


def _features(model: keras.Model) -> keras.Model:
    """The same network, its variables too, without its head."""
    return keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)


def fill(model: keras.Model, weights: Weights, *, head: bool, source: str | Path) -> None:
    """Gives `model` weights by their canonical names, all of them or none.

    Args:
        model: of `resnet_v2.build`.
        weights: of the network, its head or not.
        head: see `load`.
        source: where they come from, for the errors.

    Raises:
        WeightsError: they do not match the model weight by weight.
    """
    shapes = _shapes(model)
    if head and HEAD_KERNEL not in shapes:
        raise WeightsError(
            "head=True needs a model with a head. Received: one that ends in features. Build it "
            "with num_classes."
        )
    if head and HEAD_KERNEL not in weights:
        raise WeightsError(
            f"head=True needs a source with a head. Received: {source}, which ends in features. "
            "Load it with head=False."
        )
    if head and weights[HEAD_KERNEL].shape[-1] != (outputs := shapes[HEAD_KERNEL][-1]):
        raise WeightsError(
            f"the head of {source} has {weights[HEAD_KERNEL].shape[-1]:,} outputs. Received: a "
            f"model with {outputs:,}. Load with head=False to cut it off and train a new one, or "
            "build the model with as many."
        )
    if not head:
        shapes = {name: shape for name, shape in shapes.items() if not _is_head(name)}
        weights = {name: value for name, value in weights.items() if not _is_head(name)}
    if reason := matching.differences(weights, shapes):
        raise WeightsError(
            f"the weights of {source} do not fit {model.name}: {reason}. Choose the variant they "
            "were trained with."
        )
    for variable in model.variables:
        if (name := _name(variable)) in shapes:
            variable.assign(weights[name])


def _shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    return {_name(variable): tuple(variable.shape) for variable in model.variables}


def _name(variable: keras.Variable) -> str:
    name = matching.canonical_name(variable.path)
    if name is None:
        raise WeightsError(
            "weights can be loaded into a network of resnet_v2.build only. Received: one with the "
            f"variable {variable.path}."
        )
    return name


def _is_head(name: str) -> bool:
    return name.startswith("head/")
