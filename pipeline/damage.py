"""After a stage has failed: whether what it read is damaged, and what to delete then."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.types.standard_artifacts import Examples

from bitpipe.errors import DataError

_Event = metadata_store_pb2.Event


def require_readable(connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Reads the examples that the last execution was given, whose checksums tell.

    Raises:
        DataError: they are damaged; the folder to delete.
    """
    for uri in _examples(connection):
        for path in sorted(tf.io.gfile.glob(f"{uri}/Split-*/*")):
            try:
                for _ in tf.data.TFRecordDataset(path, "GZIP"):
                    pass
            except tf.errors.OpError as error:
                raise DataError(
                    f"examples that were ingested earlier are damaged: {path}. Delete the folder "
                    f"{uri} and run the same command again: the pictures are ingested anew."
                ) from error


def _examples(connection: metadata_store_pb2.ConnectionConfig) -> Iterator[str]:
    with metadata.Metadata(connection) as handle:
        store = handle.store
        last = max((execution.id for execution in store.get_executions()), default=None)
        if last is None:
            return
        read = [
            event.artifact_id
            for event in store.get_events_by_execution_ids([last])
            if event.type in (_Event.INPUT, _Event.DECLARED_INPUT)
        ]
        artifacts = store.get_artifacts_by_id(read)
        kinds = {kind.id: kind.name for kind in store.get_artifact_types()}
    yield from (one.uri for one in artifacts if kinds[one.type_id] == Examples.TYPE_NAME)
