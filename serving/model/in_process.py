"""A model in this process that answers as the embedded server would."""

from collections.abc import Sequence

import numpy as np

from bitpipe.errors import InvalidInputError
from bitpipe.model.signature import LABEL, LABELS, SCORES, SERVING
from serving.client import codec
from serving.model.servable import SavedModelServable
from serving.status import InvalidArgumentError


class InProcessModel:
    """A SavedModel with this project's signature. Safe to share between threads.

    Args:
        path: its folder, also in a store that TensorFlow reads.
        version: told in the predictions.

    Raises:
        StatusError, ValueError, OSError: it cannot be loaded.
    """

    def __init__(self, path: str, version: int) -> None:
        self._servable = SavedModelServable(path, warm_up=False)
        self._version = version

    def predict(self, pictures: Sequence[bytes]) -> list[codec.Prediction]:
        """The prediction for each picture of a batch.

        Raises:
            InvalidInputError: the model cannot decode one of them.
        """
        try:
            outputs = self._servable.run(SERVING, [np.array(pictures, object)])
        except InvalidArgumentError as error:
            raise InvalidInputError(f"The model refuses it: {error}", str(error)) from error
        answers = outputs[LABEL] if LABEL in outputs else [None] * len(pictures)
        return [
            codec.ranked(
                [label.decode() for label in labels],
                scores.tolist(),
                self._version,
                answer.decode() if isinstance(answer, bytes) else None,
            )
            for labels, scores, answer in zip(
                outputs[LABELS], outputs[SCORES], answers, strict=True
            )
        ]
