"""Pipelines and their versions on Kubeflow: one version for each content, named after it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.failures import ConflictError
from pipeline.kubeflow.package import Package


def upload(client: Client, package: Package) -> tuple[str, str]:
    """Makes the package a version of the pipeline of its name, unless it is one already.

    Returns:
        Kubeflow's identifiers of the pipeline and of the version.

    Raises:
        KubeflowError, BackendError: as of `Client`.
    """
    text = package.to_yaml()
    version = f"{package.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    pipeline_id = _pipeline(client, package.name)
    known = _version(client, pipeline_id, version)
    if known is not None:
        return pipeline_id, known
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            uploaded = client.call(
                "upload", "upload_pipeline_version", str(file), name=version, pipelineid=pipeline_id
            )
        except ConflictError:
            # Somebody was quicker with the same content.
            known = _version(client, pipeline_id, version)
            if known is None:
                raise
            return pipeline_id, known
    return pipeline_id, uploaded.pipeline_version_id


def _pipeline(client: Client, name: str) -> str:
    """The pipeline of that name; made, without a version, where it is missing.

    Uploading one makes its first version as well, which is named after the pipeline instead of its
    content: the same content would be uploaded again.
    """
    found = client.named("pipeline", "list_pipelines", "pipelines", name)
    if not found:
        wanted = client.models.V2beta1Pipeline(
            display_name=name, namespace=client.namespace or None
        )
        try:
            return client.call("pipeline", "create_pipeline", wanted).pipeline_id
        except ConflictError:
            found = client.named("pipeline", "list_pipelines", "pipelines", name)
            if not found:
                raise
    return found[0].pipeline_id


def _version(client: Client, pipeline_id: str, name: str) -> str | None:
    listed = client.every("pipeline", "list_pipeline_versions", "pipeline_versions", pipeline_id)
    names = {item.display_name: item.pipeline_version_id for item in listed}
    return names.get(name)
