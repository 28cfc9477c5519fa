"""What runs leave that were ended: executions that seem to run, and files that nobody reads."""

from __future__ import annotations

import shutil
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

_State = metadata_store_pb2.Execution

# Below a node's folder, in TFX's own layout.
_SYSTEM = ".system"


def clear(connection: metadata_store_pb2.ConnectionConfig, artifacts: Path) -> None:
    """Cancels what seems to run and removes what it has written. Nothing else may be running.

    Args:
        connection: of ML Metadata.
        artifacts: the pipeline root, on a disk.
    """
    with metadata.Metadata(connection) as handle:
        stale = [
            execution
            for execution in handle.store.get_executions()
            if execution.last_known_state in (_State.NEW, _State.RUNNING)
        ]
        for execution in stale:
            execution.last_known_state = _State.CANCELED
            # An output's folder bears the number of its execution: ARTIFACTS/NODE/KEY/NUMBER.
            for place in artifacts.glob(f"*/*/{execution.id}"):
                shutil.rmtree(place, ignore_errors=True)
            for place in artifacts.glob(f"*/{_SYSTEM}/*/{execution.id}"):
                shutil.rmtree(place, ignore_errors=True)
        if stale:
            handle.store.put_executions(stale)
    # Named by runs, none of which comes back.
    for place in artifacts.glob(f"*/{_SYSTEM}/stateful_working_dir/*"):
        shutil.rmtree(place, ignore_errors=True)
