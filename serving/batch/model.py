"""A model in this process that answers as the embedded server would."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from bitpipe.errors import InvalidInputError, ModelLoadError
from bitpipe.model.versions import SAVED_MODEL
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from serving.client import codec
from serving.server.servable import SavedModelServable

_SCORES, _LABELS = codec.OUTPUTS


class InProcessModel:
    """A SavedModel with this project's signature. Safe to share between threads.

    Args:
        path: its folder, also in a store that TensorFlow reads.
        version: told in the predictions.

    Raises:
        tf.errors.OpError, ValueError, OSError: it cannot be loaded.
    """

    def __init__(self, path: str, version: int) -> None:
        self._servable = SavedModelServable(path)
        self._version = version

    def predict(self, pictures: Sequence[bytes]) -> list[codec.Prediction]:
        """The prediction for each picture of a batch.

        Raises:
            InvalidInputError: the model cannot decode one of them.
        """
        try:
            outputs = self._servable.run(codec.SIGNATURE, [np.array(pictures, object)])
        except tf.errors.InvalidArgumentError as error:
            raise InvalidInputError(f"The model refuses it: {error}", error.message) from error
        return [
            codec.ranked([label.decode() for label in labels], scores.tolist(), self._version)
            for labels, scores in zip(outputs[_LABELS], outputs[_SCORES], strict=True)
        ]


def check_signature(path: str) -> None:
    """Raises ModelLoadError unless the SavedModel has this project's signature; loads nothing."""
    try:
        content = store_of(path).read(join(path, SAVED_MODEL))
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except (OSError, DecodeError) as error:
        raise ModelLoadError(f"{path} is no SavedModel ({error}). Push the model again.") from error
    for graph in graphs:
        signature = graph.signature_def[codec.SIGNATURE]
        if list(signature.inputs) == [codec.INPUT] and set(codec.OUTPUTS) <= set(signature.outputs):
            return
    raise ModelLoadError(
        f"The model's signature {codec.SIGNATURE} must take {codec.INPUT} and return {_SCORES} and "
        f"{_LABELS}. That of {path} does not: name a model which `bitpipe run` pushed."
    )
