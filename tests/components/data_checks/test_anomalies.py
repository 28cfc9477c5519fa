"""TFX's anomalies in words."""

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

pytestmark = pytest.mark.tfx


def test_anomalies_become_sentences_and_those_of_names_are_none():
    from components.data_checks.executor import anomalies_of

    found = anomalies_pb2.Anomalies()
    for name in ("label", "filename", "sha256", "height"):
        found.anomaly_info[name].description = f"Unexpected\n values of {name}."
    assert list(anomalies_of("test", found)) == [
        "the feature height of the split test are not as in training: Unexpected values of height",
        "the classes of the split test are not as in training: Unexpected values of label",
    ]
