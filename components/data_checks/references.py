"""What pictures are compared with: the model in service, and the pictures that were checked last.

Looked up before TFX asks its cache. What is found becomes a part of the key, and only as far as it
says something: a model in service that knows just these classes counts as none, so that a run which
has put it there is cached when it is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base import base_driver as component_driver
from tfx.dsl.io import fileio
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.portable import base_driver, data_types
from tfx.proto.orchestration import driver_output_pb2

from bitpipe.errors import ModelFolderError
from bitpipe.model import in_service, origin
from components.data_checks import kept

# Execution properties: the folder of the model's versions, and what the driver finds.
FOLDER = "folder"
REFERENCES = "references"
# Custom properties of the anomalies: the examples that were checked, and for which model.
EXAMPLES_ID, MODEL_FOLDER = "examples_id", "model_folder"

# What the ingest writes beside the examples.
REPORT_FILE = "ingest.json"


class References(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes as of `rules.Facts`."""

    served: tuple[tuple[str, ...], str] | None = None
    before: dict[str, int] | None = None


class Driver(component_driver.BaseDriver, base_driver.BaseDriver):
    """Looks the references up; TFX finds it through the pipeline's IR."""

    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        component_driver.BaseDriver.__init__(self, metadata_handle)
        base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Puts what was found beside the other execution properties."""
        properties = dict(execution_info.exec_properties)
        (examples,) = execution_info.input_dict["examples"]
        folder = properties[FOLDER]
        with self._mlmd_connection as handle:
            before = last_checked(handle.store, examples.id, folder)
        found = References(
            served=served(folder, read_report(examples.uri)["classes"]), before=before
        )
        properties[REFERENCES] = msgspec.json.encode(found, order="sorted").decode()
        output = driver_output_pb2.DriverOutput()
        for name, value in properties.items():
            if value is not None:
                data_types_utils.set_metadata_value(output.exec_properties[name], value)
        return output


def served(folder: str, classes: Iterable[str]) -> tuple[tuple[str, ...], str] | None:
    """The classes of the model in service, and its version; None where they are `classes`.

    Args:
        folder: holds the versions, on a disk or in a store.
        classes: of the pictures.
    """
    parent, _, name = folder.rstrip("/").rpartition("/")
    try:
        path, version = in_service.locate(parent, name)
    except ModelFolderError:
        return None
    known = origin.read(path).classes
    if not known or set(known) == set(classes):
        return None
    return tuple(sorted(known)), str(version)


def last_checked(store: Any, examples_id: int, folder: str) -> dict[str, int] | None:
    """Class -> pictures, of the examples that were the last to pass before these were made.

    What failed is no measure: the next night would be compared with it, and pass.

    Args:
        store: of ML Metadata.
        examples_id: the artifact that is checked.
        folder: for this model alone.
    """
    if not any(kind.name == "ExampleAnomalies" for kind in store.get_artifact_types()):
        return None
    earlier: list[tuple[int, str]] = []
    for one in store.get_artifacts_by_type("ExampleAnomalies"):
        told = one.custom_properties
        if (
            one.state == metadata_store_pb2.Artifact.LIVE
            and EXAMPLES_ID in told
            and told[MODEL_FOLDER].string_value == folder
            and told[EXAMPLES_ID].int_value < examples_id
        ):
            earlier.append((told[EXAMPLES_ID].int_value, one.uri))
    for _, uri in sorted(earlier, reverse=True):
        checked = kept.read(uri)
        if checked is not None:  # somebody may have removed it
            return checked.classes
    return None


def read_report(examples: str) -> dict[str, Any]:
    """The counts of the ingest whose artifact is at `examples`."""
    with fileio.open(f"{examples}/{REPORT_FILE}") as file:
        found: dict[str, Any] = json.loads(file.read())
    return found
