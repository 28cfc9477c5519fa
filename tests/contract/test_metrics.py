"""Prometheus metrics. Sources are files of github.com/tensorflow/serving."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract import requests_grpc
from tests.contract.target import TIMEOUT_S, Rest, Target, b64

PATH = "/monitoring/prometheus/metrics"  # prometheus_exporter.cc, kPrometheusPath
COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"

Read = Callable[..., float]


@pytest.fixture
def page(rest: Rest) -> Callable[[], str]:
    """Reads the metrics, which TensorFlow Serving has only if its monitoring config says so."""

    def read() -> str:
        response = rest.send("GET", PATH)
        if response.status_code == 404:
            pytest.skip(f"the server has no {PATH}: start it with --monitoring_config_file")
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return response.text

    return read


@pytest.fixture
def value(page: Callable[[], str]) -> Read:
    """The value of a metric with these labels, in whatever order they are; 0 if it is missing."""

    def read(name: str, **labels: str) -> float:
        for line in page().splitlines():
            match = re.fullmatch(rf"{re.escape(name)}\{{(.*)\}} (\S+)", line)
            if match and dict(re.findall(r'(\w+)="([^"]*)"', match[1])) == labels:
                return float(match[2])
        return 0.0

    return read


def test_answered_request_is_counted_and_timed(
    rest: Rest, value: Read, prediction_service: Any, target: Target, picture: bytes
) -> None:
    """prediction_service_impl.cc, Predict: RecordRequestLatency, RecordModelRequestCount; util.cc
    has the labels' names."""
    counted = {"model_name": target.model, "status": "OK"}
    timed = {"model_name": target.model, "API": "Predict", "entrypoint": "GRPC"}
    before = value(COUNT, **counted), value(f"{LATENCY}_count", **timed)
    request = requests_grpc.predict(target.model, picture)
    prediction_service.Predict(request, timeout=TIMEOUT_S)
    after = value(COUNT, **counted), value(f"{LATENCY}_count", **timed)
    assert after[0] >= before[0] + 1  # a shared server has other clients
    assert after[1] >= before[1] + 1


def test_rest_request_is_timed_under_its_verb(
    rest: Rest, value: Read, target: Target, picture: bytes
) -> None:
    """http_server.cc, ProcessRequest: the API is the method as in the path."""
    timed = {"model_name": target.model, "API": "predict", "entrypoint": "REST"}
    before = value(f"{LATENCY}_count", **timed)
    rest.predict({"instances": [b64(picture)]})
    assert value(f"{LATENCY}_count", **timed) >= before + 1


def test_refused_request_is_counted_under_its_status(
    rest: Rest, value: Read, target: Target
) -> None:
    """http_server.cc, ProcessRequest; util.cc, RecordModelRequestCount: error::Code_Name."""
    counted = {"model_name": target.model, "status": "INVALID_ARGUMENT"}
    before = value(COUNT, **counted)
    assert rest.predict(b"{}").status_code == 400
    assert value(COUNT, **counted) >= before + 1


def test_page_is_in_prometheus_text_format(
    rest: Rest, page: Callable[[], str], picture: bytes
) -> None:
    """prometheus_exporter.cc, SerializeScalar and SerializeHistogram."""
    rest.predict({"instances": [b64(picture)]})
    lines = page().splitlines()
    assert f"# TYPE {COUNT} counter" in lines
    assert f"# TYPE {LATENCY} histogram" in lines
    sample = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? (\S+)( -?\d+)?")
    for line in lines:
        if line and not line.startswith("#"):
            match = sample.fullmatch(line)
            assert match, line
            float(match[2])


def test_latency_is_in_microseconds(
    rest: Rest, page: Callable[[], str], value: Read, target: Target, picture: bytes
) -> None:
    """util.cc, request_latency: microseconds, 33 bounds of 10 * 1.8^k and one more."""
    rest.predict({"instances": [b64(picture)]})
    labels = {"model_name": target.model, "API": "predict", "entrypoint": "REST"}
    bounds = [
        float(bound)
        for line in page().splitlines()
        if line.startswith(f"{LATENCY}_bucket") and 'API="predict"' in line
        for bound in re.findall(r'le="([^"]+)"', line)
    ]
    assert min(bounds) == 10
    assert max(bounds) == float("inf")
    mean = value(f"{LATENCY}_sum", **labels) / value(f"{LATENCY}_count", **labels)
    assert mean > 10  # nothing on a network takes less
