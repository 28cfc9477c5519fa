"""What a model was made from, gathered from the artifacts of its run."""

from __future__ import annotations

import hashlib
import json
import posixpath
from importlib import metadata
from typing import Any

from tfx import types
from tfx.dsl.io import fileio

from bitpipe.model.origin import Origin

# Inputs of the Pusher beyond those of TFX's.
EXAMPLES, EVALUATION = "examples", "evaluation"

# Keys of the execution property `custom_config`.
BACKBONE, CODE = "backbone", "code"

# What the ingest writes beside the examples, and the gate beside its metrics.
REPORT_FILE, VERDICT_FILE = "ingest.json", "verdict.json"
# TFX's property of Examples: here, digests of names, labels and contents of the pictures.
_FINGERPRINT = "input_fingerprint"


def origin(inputs: dict[str, list[types.Artifact]], config: dict[str, Any]) -> Origin:
    """Where the model of a run comes from; what is not among the inputs is left out."""
    examples = next(iter(inputs.get(EXAMPLES) or ()), None)
    evaluation = next(iter(inputs.get(EVALUATION) or ()), None)
    report = {} if examples is None else _read(examples.uri, REPORT_FILE)
    fingerprint = "" if examples is None else examples.get_string_custom_property(_FINGERPRINT)
    return Origin(
        backbone=config.get(BACKBONE),
        code=config.get(CODE),
        bitpipe=metadata.version("bitpipe"),
        data=hashlib.sha256(fingerprint.encode()).hexdigest() if fingerprint else None,
        splits=report.get("splits", {}),
        classes=report.get("classes", {}),
        verdict={} if evaluation is None else _read(evaluation.uri, VERDICT_FILE),
    )


def _read(uri: str, name: str) -> dict[str, Any]:
    path = posixpath.join(uri, name)
    if not fileio.exists(path):  # of an earlier bitpipe, taken from the cache
        return {}
    with fileio.open(path) as file:
        found: dict[str, Any] = json.loads(file.read())
    return found
