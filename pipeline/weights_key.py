"""Puts what is in the backbone's files into the Trainer's cache key, beside their name.

Where the node runs, not where it was compiled: a pod alone reaches the disks of its cluster, and
files may be replaced between two runs of one compiled pipeline.
"""

from __future__ import annotations

import json

from tfx.proto.orchestration import pipeline_pb2

from components.bit import identity
from components.settings import SCRATCH
from pipeline import stages

_PARAMETER = "custom_config"
# In the Trainer's custom_config, so that its checkpoints are told apart by it, too.
IDENTITY = "backbone_sha256"


def add(node: pipeline_pb2.PipelineNode) -> None:
    """Adds it to `node`, if that is the Trainer.

    Raises:
        WeightsError: the weights cannot be had.
    """
    if node.node_info.id != stages.TRAINER:
        return
    value = node.parameters.parameters[_PARAMETER].field_value
    config = json.loads(value.string_value)
    backbone = config["model"]["backbone"]
    if backbone != SCRATCH and (content := identity.of(backbone)):
        value.string_value = json.dumps(config | {IDENTITY: content})
