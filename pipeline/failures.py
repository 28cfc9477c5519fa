"""Why a stage failed, noted in ML Metadata, which by itself knows only that it did."""

from __future__ import annotations

import contextlib

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe.errors import BitpipeError
from pipeline import records

_FAILED = metadata_store_pb2.Execution.FAILED
# Libraries put the content of a broken record into their message.
_MAX_CHARACTERS = 500


def note(
    connection: metadata_store_pb2.ConnectionConfig, run_id: str, kind: str, error: Exception
) -> None:
    """Writes the error to the execution that failed with it.

    Args:
        connection: of ML Metadata.
        run_id: the pipeline run.
        kind: name of the execution's type.
        error: what the stage raised.
    """
    told = str(error).strip() or "no message"
    text = told if isinstance(error, BitpipeError) else f"{type(error).__name__}: {told}"
    # What goes on is the error itself, also where there is no room to note it.
    with contextlib.suppress(Exception):
        store = metadata_store.MetadataStore(connection)
        context = store.get_context_by_type_and_name("pipeline_run", run_id)
        kinds = {one.id: one.name for one in store.get_execution_types()}
        failed = [
            execution
            for execution in store.get_executions_by_context(context.id)
            if execution.last_known_state == _FAILED and kinds[execution.type_id] == kind
        ]
        newest = max(failed, key=lambda execution: execution.id)
        newest.custom_properties[records.ERROR].string_value = text[:_MAX_CHARACTERS]
        store.put_executions([newest])
