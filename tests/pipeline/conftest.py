"""Fixtures that several rooms of the pipeline's tests share."""

import pytest


@pytest.fixture
def stub():
    """An imitation of Kubeflow Pipelines that listens on loopback."""
    from tests.pipeline.kubeflow.stub import Stub

    with Stub() as running:
        yield running
