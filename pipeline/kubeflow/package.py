"""A compiled pipeline as it travels: to a file, or to a cluster's API."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

# The task behind the last stage, red where the model was not blessed: see task/verdict.py.
GATE_TASK = "gate"
# The one before it: see task/report.py.
REPORT_TASK = "report"


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A value that a run can be given.

    Attributes:
        name: an identifier.
        type: STRING, NUMBER_INTEGER or NUMBER_DOUBLE.
        default: `None` makes the parameter required.
        description: one sentence.
    """

    name: str
    type: str
    default: str | int | float | None
    description: str


@dataclasses.dataclass(frozen=True)
class Package:
    """What `compile_pipeline` makes.

    Attributes:
        name: the pipeline's.
        pipeline_spec: Kubeflow's PipelineSpec, schema 2.1.0.
        platform_spec: `platforms.kubernetes...`, or empty.
        parameters: of a run.
        manifest: versions, digests and sizes, for people and for checks on submit.
    """

    name: str
    pipeline_spec: dict[str, Any]
    platform_spec: dict[str, Any]
    parameters: tuple[Parameter, ...]
    manifest: dict[str, Any]

    def to_yaml(self) -> str:
        """The YAML that Kubeflow's API and page take: one document, or two."""
        documents = [self.pipeline_spec, *([self.platform_spec] if self.platform_spec else [])]
        return "---\n".join(
            yaml.safe_dump(document, sort_keys=False, width=1_000_000) for document in documents
        )
