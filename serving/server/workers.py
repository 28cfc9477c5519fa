"""Where bodies are read and replies are written: long ones away from the event loop."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from serving.server import admission
from serving.server.json_body import COLUMNAR, ROW
from serving.server.json_examples import EXAMPLES
from serving.server.options import Limits
from serving.status import InvalidArgumentError

# Of a JSON document: read in two seconds on a slow core. Five pictures of 224x224 as numbers.
MAX_VALUES = 2**20
# What is read at once, in 10 ms.
_FEW_VALUES, _FEW_BYTES = 2**12, 2**20


Run = Callable[..., Awaitable[Any]]  # called with a function and its arguments


class Workers:
    """Run what takes long in threads, and what takes longest in turn."""

    def __init__(self) -> None:
        # A single one: all threads that run Python share what the event loop leaves of a core.
        self._patient = ThreadPoolExecutor(1, thread_name_prefix="many-values")
        self._large = ThreadPoolExecutor(2, thread_name_prefix="many-bytes")

    def for_body(self, body: bytes) -> Run:
        """Where to read a JSON document.

        Raises:
            InvalidArgumentError: the body may hold too many values.
        """
        # Commas and brackets in strings count as well, of which base64 has none.
        values = 1 + sum(map(body.count, (b",", b"[", b"{")))
        if values > MAX_VALUES:
            raise InvalidArgumentError(
                f"A body may hold {MAX_VALUES} JSON values. Received: up to {values}. Send fewer "
                f"inputs, pictures in base64, or numbers over gRPC."
            )
        if values > _FEW_VALUES:
            return _in(self._patient)
        return _in(self._large) if len(body) > _FEW_BYTES else _at_once

    def for_tensors(self, shapes: Iterable[Sequence[int]]) -> Run:
        """Where to write tensors of these shapes."""
        values = sum(map(math.prod, shapes))
        return _in(self._large) if values > _FEW_VALUES else _at_once


def _in(pool: Executor) -> Run:
    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)

    return run


async def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def check_rows(document: dict[str, Any], limits: Limits) -> None:
    """Raises InvalidArgumentError where a document has too many rows, in either form."""
    columns = document.get(COLUMNAR)
    values = columns.values() if isinstance(columns, dict) else (columns,)
    for rows in (document.get(ROW), document.get(EXAMPLES), *values):
        if isinstance(rows, list):
            admission.check_rows(len(rows), limits)
