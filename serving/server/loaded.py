"""A version in service: its SavedModel, and the queue before it."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bitpipe.model import evaluation
from bitpipe.model.signature import CLASSIFY_METHOD, SERVING
from serving.model.servable import SavedModelServable
from serving.server import admission, classify, limits
from serving.server.batching import Batcher
from serving.server.options import Options


class LoadedModel:
    """Answers PredictRequests from an event loop.

    Attributes:
        signature_def: name -> SignatureDef.
        evaluation: how well it did when it was judged; None where nothing tells.

    Raises:
        StatusError, ValueError, OSError: the model cannot be loaded or its warm-up fails.
    """

    def __init__(self, path: Path, options: Options, observe: Callable[[int, float], None]) -> None:
        self._servable = SavedModelServable(path)
        self._limits = options.limits
        self._batcher = Batcher(
            self._servable.run, options.batching, observe, max_pixels=options.limits.max_pixels
        )
        self.signature_def = self._servable.signature_def
        self.evaluation = evaluation.read(path)

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._batcher.queued_rows

    async def predict(self, request: Any) -> Any:
        """Returns the PredictResponse without `model_spec`'s name and version.

        Raises:
            StatusError: with TensorFlow Serving's code and text.
        """
        servable = self._servable
        admission.check_predict(request, self._limits)
        call = servable.call(request)
        method = self.signature_def[call.signature].method_name
        outputs = await self._run(
            call.signature, call.inputs, of_examples=method == CLASSIFY_METHOD
        )
        return servable.response(call, outputs)

    async def classify(self, request: Any) -> Any:
        """Returns the ClassificationResponse without `model_spec`'s name and version; as above."""
        name = request.model_spec.signature_name or SERVING
        classify.check(self.signature_def, name)
        admission.check_input(request.input, self._limits)
        examples = classify.serialized_examples(request.input)
        outputs = await self._run(name, (examples,), of_examples=True)
        response = classify.response(outputs, len(examples))
        response.model_spec.signature_name = name
        return response

    async def _run(
        self, signature: str, inputs: tuple[np.ndarray, ...], *, of_examples: bool
    ) -> dict[str, np.ndarray]:
        names = sorted(self.signature_def[signature].inputs)
        if of_examples:
            admission.check_examples(inputs)
            pixels = limits.check(inputs, self._limits, classify.pictures, names=names)
        else:
            pixels = limits.check(inputs, self._limits, names=names)
        rows = {len(array) if array.ndim else 0 for array in inputs}
        # Only what has rows can be joined, and an empty batch has nothing to be joined.
        if signature in self._servable.batched and len(rows) == 1 and rows != {0}:
            return await self._batcher.submit(signature, inputs, pixels)
        return await asyncio.to_thread(self._servable.run, signature, inputs)

    def close(self) -> None:
        """Answers what waits, then frees the memory on a thread of its own."""
        self._batcher.close()
        # Freeing a large model takes a while, and the caller may be the event loop.
        parts = [self._batcher, [self._servable]]
        thread = threading.Thread(target=_free, args=parts, name="unload", daemon=True)
        _freeing.add(thread)
        thread.start()
        del self._servable


_freeing: "weakref.WeakSet[threading.Thread]" = weakref.WeakSet()


def wait_until_freed() -> None:
    """Returns when all models that were closed have answered, and their memory is free."""
    for thread in list(_freeing):
        thread.join()


def _free(batcher: Batcher, servable: list[SavedModelServable]) -> None:
    batcher.join()
    del batcher
    servable.pop().close()
    # A graph and its operations refer to each other, and hold TensorFlow's memory until they are
    # collected: 42 versions of a model under load came to 0.8 GB.
    gc.collect()
