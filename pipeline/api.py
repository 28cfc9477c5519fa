"""The functions of `import bitpipe`, as docs/python.md promises them.

Each checks what it was given before it imports a framework, and a module that is missing becomes
the sentence that names its extra.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from bitpipe import arguments
from bitpipe.errors import ConfigError, DataError, UnreadablePictureError
from bitpipe.stores import paths

if TYPE_CHECKING:
    import keras

    from pipeline.result import RunResult
    from serving.client import Answer, ClientTls

_T = TypeVar("_T")

# Outputs of a head; the shapes of tensors are counted in 32 bits.
_MOST_CLASSES = 2**31 - 1
# Sides of pictures, in pixels, as of `train.eval_size`.
_SIZES = (8, 4096)


def run(
    data: str | Path,
    out: str | Path,
    *,
    models: str | Path | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    verbose: bool = False,
) -> RunResult:
    """Trains, judges and pushes a model of labelled pictures, as `bitpipe run` does.

    Args:
        data: a folder with a folder of pictures per class, or anything else that `--data` takes.
        out: folder for all outputs, which belongs to these pictures. What a run has finished is
            not done again by the next one.
        models: folder or address that versions are pushed to; `None` for `out`/serving.
        config: name of a shipped configuration, or a YAML file; `None` for `photos`.
        settings: dotted keys of the configuration with their values, which win over it:
            `{"train.steps": 100}`.
        verbose: show the frameworks' log as well as the progress, which is on the standard error.

    Returns:
        What came of it. A model that the gate refused is a result too: `blessed` and `objections`
        tell.

    Raises:
        ConfigError: a setting that there is not, or that cannot be so.
        DataError: the data are no labelled pictures, or too many of them cannot be read.
        WeightsError: the backbone cannot be had.
        TrainingError: training diverged, or does not fit into the memory.
        MissingExtraError: this is an installation of the client.
        BitpipeError: whatever else, its traceback in the log that it names.
    """
    with _explained("run"):
        data = arguments.place("data", data)
        out = arguments.place("out", out)
        paths.require_local("out", out)
        folder = Path(out)
        if models is not None:
            models = arguments.place("models", models)
        source = None if config is None else arguments.place("config", config)
        arguments.instance("settings", settings, Mapping, "a mapping, such as {'train.steps': 100}")

        from pipeline import launch, proposals
        from pipeline.settings import config as configuration

        overrides = [f"{key}={_as_yaml(key, value)}" for key, value in settings.items()]
        effective = configuration.load(source, overrides)
        result, _ = launch.run(
            effective.config,
            data,
            folder,
            models=models,
            verbose=verbose,
            origins=effective.origins,
            command=proposals.again(folder, data, source, overrides, models),
        )
        return result


def load(
    backbone: str | Path,
    *,
    num_classes: int | None = None,
    head: bool = False,
    variant: str | None = None,
    trusted: bool = False,
) -> keras.Model:
    """A BiT network with its weights, as a Keras 3 model.

    It takes pictures (B, H, W, 3) float32 in [0, 1], RGB, of any size, and is trainable.

    Args:
        backbone: a name (`bit-mini`, `bit-m-r50x1`), a `.npz` or `.h5` file, a handle of TF Hub, a
            SavedModel, or a folder of versions such as `OUT/serving`, of which the one in service
            is taken.
        num_classes: outputs of a head of zeros, to be trained; `None` for the features.
        head: keep the source's own head instead; with `num_classes` only where the source does not
            tell how many outputs it has.
        variant: the network that the weights belong to; `None` for what the source tells.
        trusted: the program of a SavedModel may be run, where the names of its weights do not tell
            which is which.

    Returns:
        A functional model that gives features (B, C), or logits (B, classes), float32.

    Raises:
        ConfigError: an unknown variant, or a head of unknown size.
        WeightsError: the weights cannot be had, or do not fit.
        ModelFolderError: no version is in service.
        MissingExtraError: this is an installation of the client.
    """
    with _explained("load"):
        backbone = arguments.place("backbone", backbone)
        if num_classes is not None:
            num_classes = arguments.whole_number("num_classes", num_classes, 1, _MOST_CLASSES)

        from components.bit import exports, networks, sources

        source = str(exports.export_in_service(backbone))
        sources.locate(source)
        network = networks.variant_of(source, variant)
        if head and num_classes is None:
            num_classes = networks.outputs_of(source)
            if num_classes is None:
                raise ConfigError(
                    f"head=True wants the number of outputs where the weights do not tell it. "
                    f"Received: {backbone}. Say it as num_classes."
                )

        from components.bit import resnet_v2, weights

        model = resnet_v2.build(network, num_classes)
        weights.load(model, source, head=head, trusted=trusted)
        return model


def classify(
    images: str | Path | Iterable[str | Path],
    backbone: str | Path | None = None,
    *,
    variant: str | None = None,
    size: int | None = None,
    trusted: bool = False,
    on_unreadable: Callable[[UnreadablePictureError], None] | None = None,
) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
    """What pictures show, without training or a server: ImageNet's classes, or an own model's.

    Args:
        images: files in any format that the pipeline reads, folders of them, and patterns.
        backbone: as of `load`, with a head; `None` for BiT's released classifier where it is
            cached or can be fetched, else, with a `UserWarning`, for the one of this package.
        variant: as of `load`.
        size: side in pixels to which pictures are resized; `None` for what `backbone` is known to
            be judged on.
        trusted: as of `load`.
        on_unreadable: is told of a file that is no picture, instead of an end with its error.

    Returns:
        Each picture's path with (label, score) of every class, best first, as soon as they are
        known; the scores sum to 1.

    Raises:
        DataError: a picture is not there.
        ConfigError, WeightsError, ModelFolderError: as of `load`.
        UnreadablePictureError: when the turn comes to a file that is no picture.
        MissingExtraError: this is an installation of the client.
    """
    with _explained("classify"):
        wanted = [arguments.place("images", image, error=DataError) for image in _as_list(images)]
        if backbone is not None:
            backbone = arguments.place("backbone", backbone)
        if size is not None:
            size = arguments.whole_number("size", size, *_SIZES)

        from pipeline import classify as classification

        answers = classification.classify(
            wanted,
            backbone,
            variant=variant,
            size=size,
            trusted=trusted,
            on_unreadable=on_unreadable,
            on_fallback=lambda sentence: warnings.warn(sentence, stacklevel=4),
        )
    return _each(answers, "classify")


def predict(
    images: str | Path | bytes | Iterable[str | Path | bytes],
    server: str,
    name: str,
    *,
    version: int | None = None,
    label: str | None = None,
    top: int | None = None,
    timeout_s: float = 30.0,
    tls: ClientTls | None = None,
) -> Iterator[Answer]:
    """What a prediction server says of pictures; needs no framework.

    Args:
        images: files, folders of them, patterns, and encoded pictures.
        server: `HOST:PORT` (gRPC) or `http://HOST:PORT` (REST) of `bitpipe serve` or TensorFlow
            Serving.
        name: the model's.
        version: the version to ask; `None` for the one in service.
        label: the label of the version to ask, instead.
        top: labels of each picture, best first; `None` for all.
        timeout_s: seconds for one request, its retries included.
        tls: certificates; see `serving.client.ClientTls`.

    Returns:
        An answer for each picture, in their order: `source`, and `prediction` (`label`, `scores`,
        `model_version`) or `error`. What cannot be read, or is refused, is an answer too.

    Raises:
        AddressError, ClientOptionsError: at once.
        DataError: an archive, or an address of the web.
        ServerUnreachableError, ServerBusyError, DeadlineExceededError, RequestRejectedError,
            UnexpectedReplyError: when the first answer that needs the server is asked for.
    """
    with _explained("predict"):
        from bitpipe.stores.named import check_named
        from serving.client import PredictionClient

        wanted = _as_list(images)
        named = [image for image in wanted if not isinstance(image, bytes)]
        check_named(
            [arguments.place("images", one, error=DataError) for one in named], all_there=False
        )
        client = PredictionClient(
            server, name, version=version, label=label, top=top, tls=tls, timeout_s=timeout_s
        )

    def answers() -> Iterator[Answer]:
        with client:
            yield from client.predict_each(wanted)

    return _each(answers(), "predict")


def _as_list(images: str | Path | bytes | Iterable[_T]) -> list[_T | str | Path | bytes]:
    """A single picture is one, although a path is an iterable of letters."""
    if isinstance(images, (str, bytes, os.PathLike)):
        return [images]
    arguments.instance("images", images, Iterable, "paths, or one", error=DataError)
    return list(images)


def _as_yaml(key: str, value: object) -> str:
    try:
        return json.dumps(value, default=_plain)  # which is YAML, too
    except (TypeError, ValueError):
        raise ConfigError(
            f"a setting is a number, a text, true, false, null, or a list or mapping of such. "
            f"Received: {value!r} for {key}."
        ) from None


def _plain(value: object) -> object:
    """What JSON knows nothing of: a path, or one of NumPy's numbers."""
    item = getattr(value, "item", None)
    return item() if item is not None else os.fspath(value)  # type: ignore[call-overload]


def _each(answers: Iterator[_T], name: str) -> Iterator[_T]:
    with _explained(name):
        yield from answers


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Tells the extra that a function misses."""
    try:
        yield
    except Exception as error:
        from pipeline import extras

        told = extras.explained(error, name, caller=f"bitpipe.{name}")
        if told is error:
            raise
        raise told from error
