"""A version in service: its SavedModel, and the queue before it."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving.server import limits
from serving.server.batching import Batcher
from serving.server.options import Options
from serving.server.servable import SavedModelServable


class LoadedModel:
    """Answers PredictRequests from an event loop.

    Attributes:
        signature_def: name -> SignatureDef.

    Raises:
        tf.errors.OpError, ValueError, OSError: the model cannot be loaded or its warm-up fails.
    """

    def __init__(self, path: Path, options: Options, observe: Callable[[int, float], None]) -> None:
        self._servable = SavedModelServable(path)
        self._limits = options.limits
        self._batcher = Batcher(self._servable.run, options.batching, observe)
        self.signature_def = self._servable.signature_def

    @property
    def queued_rows(self) -> int:
        return self._batcher.queued_rows

    async def predict(self, request: Any) -> Any:
        """Returns the PredictResponse without `model_spec`'s name and version.

        Raises:
            tf.errors.OpError: with TensorFlow Serving's code and text.
        """
        servable = self._servable
        call = servable.call(request)
        limits.check(call.inputs, self._limits)
        rows = {len(array) if array.ndim else 0 for array in call.inputs}
        # TensorFlow joins only what has rows; an empty batch has nothing to be joined.
        if call.signature in servable.batched and len(rows) == 1 and rows != {0}:
            outputs = await self._batcher.submit(call.signature, call.inputs)
        else:
            outputs = await asyncio.to_thread(servable.run, call.signature, call.inputs)
        return servable.response(call, outputs)

    def close(self) -> None:
        self._batcher.close()
        # Freeing a large model takes a while, and the caller may be the event loop.
        threading.Thread(target=self._servable.close, name="unload").start()
