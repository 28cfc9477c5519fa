"""Between Python values and the messages of TensorFlow Serving's API.

The signature spoken is that of this project's exported models: see `bitpipe.model.signature`.
"""

import array
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bitpipe import arguments
from bitpipe.errors import ClientOptionsError, UnexpectedReplyError
from bitpipe.model.signature import IMAGE, LABEL, OUTPUTS, SERVING, UNKNOWN
from serving.client import messages

_FLOAT = messages.ENUMS["DataType"]["DT_FLOAT"]
_STRING = messages.ENUMS["DataType"]["DT_STRING"]
_TYPE_NAMES = {number: name[3:].lower() for name, number in messages.ENUMS["DataType"].items()}
_STATE_NAMES = {number: name for name, number in messages.ENUMS["State"].items()}


@dataclass(frozen=True)
class ModelRef:
    """Which model is asked: the version, or the labelled one, or else the newest in service.

    Raises:
        ClientOptionsError: no name, or both a version and a label, or one that cannot exist.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise ClientOptionsError(
                f"A model's name must be a text, and not empty. Received: {self.name!r}."
            )
        if self.version is not None and self.label is not None:
            raise ClientOptionsError(
                f"A model is chosen by version or by label. Received: version {self.version} and "
                f"label {self.label!r}."
            )
        if self.version is not None:
            arguments.whole_number("version", self.version, 0, 2**63 - 1, error=ClientOptionsError)
        if self.label is not None and not (self.label and isinstance(self.label, str)):
            raise ClientOptionsError(
                f"A label must be a text, and not empty. Received: {self.label!r}."
            )


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture.

    Attributes:
        label: the class with the highest score, or `unknown` where the model does not answer below
            a score.
        scores: (label, score) of every class, or of as many as were asked for; highest first.
        model_version: the version that answered; 0 where the server does not tell.
    """

    label: str
    scores: tuple[tuple[str, float], ...]
    model_version: int

    @property
    def told(self) -> tuple[tuple[str, float], ...]:
        """(label, score) as people are shown them: `unknown` goes first, with the best score."""
        label, score = self.scores[0]
        return self.scores if label == self.label else ((self.label, score), *self.scores)


@dataclass(frozen=True)
class TensorSpec:
    """dtype as TensorFlow names it; shape with None where any size goes, None if the rank is."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """Names and types of what a signature takes and returns."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


@dataclass(frozen=True)
class ModelMetadata:
    """What a server tells of the version that answers."""

    model_version: int
    signatures: dict[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """state: START, LOADING, AVAILABLE, UNLOADING or END; error is empty unless loading failed."""

    version: int
    state: str
    error: str


def predict_request(model: ModelRef, pictures: Sequence[bytes], signature: str = SERVING) -> Any:
    """A `PredictRequest` for the pictures, which are one batch.

    It asks for all outputs: one that a model of others' lacks could not be named.
    """
    request = messages.PredictRequest()
    _fill_spec(request.model_spec, model)
    request.model_spec.signature_name = signature
    tensor = request.inputs[IMAGE]
    tensor.dtype = _STRING
    tensor.tensor_shape.dim.add(size=len(pictures))
    tensor.string_val.extend(pictures)
    return request


def predictions(response: Any, count: int) -> list[Prediction]:
    """The predictions in a `PredictResponse` to a request with `count` pictures.

    Raises:
        UnexpectedReplyError: outputs of another kind or size.
    """
    missing = [name for name in OUTPUTS if name not in response.outputs]
    if missing:
        raise UnexpectedReplyError(
            f"The model must return {' and '.join(OUTPUTS)}. Received: "
            f"{', '.join(sorted(response.outputs)) or 'nothing'}. Serve a model of this pipeline."
        )
    scores, labels = (response.outputs[name] for name in OUTPUTS)
    shapes = [tuple(dim.size for dim in tensor.tensor_shape.dim) for tensor in (scores, labels)]
    if (
        (scores.dtype, labels.dtype) != (_FLOAT, _STRING)
        or shapes[0] != shapes[1]
        or len(shapes[0]) != 2
        or shapes[0][0] != count
        or shapes[0][1] < 1
    ):
        raise UnexpectedReplyError(
            f"The model must return float scores and string labels of shape ({count}, classes). "
            f"Received: {_TYPE_NAMES.get(scores.dtype)} {shapes[0]} and "
            f"{_TYPE_NAMES.get(labels.dtype)} {shapes[1]}. Serve a model of this pipeline."
        )
    size = math.prod(shapes[0])
    classes = shapes[0][1]
    flat_scores = _filled(_floats(scores), size)
    flat_labels = _filled([label.decode() for label in labels.string_val], size)
    version = response.model_spec.version.value
    rows = (slice(start, start + classes) for start in range(0, size, classes))
    return [
        ranked(flat_labels[row], flat_scores[row], version, answer)
        for row, answer in zip(rows, _answers(response, count), strict=True)
    ]


def ranked(
    labels: Sequence[str], scores: Sequence[float], version: int, answer: str | None = None
) -> Prediction:
    """The prediction for one picture.

    Args:
        labels: at least one.
        scores: as many.
        version: that has answered.
        answer: what the model calls its answer; of interest where it is `UNKNOWN`.
    """
    pairs = zip(labels, scores, strict=True)
    # NaN compares with nothing: it goes to the end rather than anywhere.
    ordered = tuple(sorted(pairs, key=lambda pair: (math.isnan(pair[1]), -pair[1])))
    return Prediction(answer if answer == UNKNOWN else ordered[0][0], ordered, version)


def _answers(response: Any, count: int) -> list[str | None]:
    """The output `label`; models of others may have none, or another kind."""
    tensor = response.outputs.get(LABEL)
    if tensor is None or tensor.dtype != _STRING or not tensor.string_val:
        return [None] * count
    found: list[str | None] = [value.decode("utf-8", "replace") for value in tensor.string_val]
    return _filled(found, count) if len(found) <= count else [None] * count


def metadata_request(model: ModelRef) -> Any:
    """A GetModelMetadataRequest for the signatures."""
    request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
    _fill_spec(request.model_spec, model)
    return request


def metadata(response: Any) -> ModelMetadata:
    """What a `GetModelMetadataResponse` says of the signatures.

    Raises:
        UnexpectedReplyError: the reply holds no signatures.
    """
    if "signature_def" not in response.metadata:
        raise UnexpectedReplyError(
            f"The reply must hold signature_def. Received: {sorted(response.metadata)}. "
            f"Is this server TensorFlow Serving?"
        )
    signatures = messages.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    return ModelMetadata(
        response.model_spec.version.value,
        {
            name: Signature(_tensor_specs(signature.inputs), _tensor_specs(signature.outputs))
            for name, signature in sorted(signatures.signature_def.items())
        },
    )


def status_request(model: ModelRef) -> Any:
    """A GetModelStatusRequest."""
    request = messages.GetModelStatusRequest()
    _fill_spec(request.model_spec, model)
    return request


def statuses(response: Any) -> list[VersionStatus]:
    """The versions in a `GetModelStatusResponse`, newest first."""
    found = [
        VersionStatus(
            status.version,
            _STATE_NAMES.get(status.state, str(status.state)),
            status.status.error_message,
        )
        for status in response.model_version_status
    ]
    return sorted(found, key=lambda status: -status.version)


def _fill_spec(spec: Any, model: ModelRef) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    if model.label is not None:
        spec.version_label = model.label


def _floats(tensor: Any) -> list[float]:
    if not tensor.tensor_content:
        return list(tensor.float_val)
    values = array.array("f", tensor.tensor_content)
    if sys.byteorder == "big":  # the content is little-endian
        values.byteswap()
    return values.tolist()


def _filled(values: list[Any], size: int) -> list[Any]:
    """A TensorProto may leave out a tail of equal values."""
    if not 0 < len(values) <= size:
        raise UnexpectedReplyError(
            f"A tensor of {size} values must hold 1 to {size} of them. Received: {len(values)}."
        )
    return values + values[-1:] * (size - len(values))


def _tensor_specs(infos: Any) -> dict[str, TensorSpec]:
    return {name: _tensor_spec(info) for name, info in sorted(infos.items())}


def _tensor_spec(info: Any) -> TensorSpec:
    shape = info.tensor_shape
    sizes = tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)
    return TensorSpec(
        _TYPE_NAMES.get(info.dtype, str(info.dtype)), None if shape.unknown_rank else sizes
    )
