"""Two versions behind a gateway: each has its pods, its Service and its share of the requests."""

from pathlib import Path

import pytest

from tests.kubernetes.manifests import ROOT, built, model_config, named, needs_kubectl
from tools import check_manifests

FOLDER = ROOT / "kubernetes" / "serving" / "overlays" / "gateway"
NAMES = ("bitpipe-serving", "bitpipe-serving-canary")

pytestmark = needs_kubectl


def of_kind(kind: str) -> dict[str, dict]:
    return named(built(FOLDER), kind)


def version(name: str, folder: Path) -> int:
    """The one version that a Deployment's pods serve."""
    from serving.server.model_config import read_model_config

    spec = of_kind("Deployment")[name]["spec"]["template"]["spec"]
    volumes = spec["volumes"]
    [container] = spec["containers"]
    assert model_config(container) == "/etc/tensorflow-serving/model_config.txt"
    [config] = [v["configMap"]["name"] for v in volumes if v["name"] == "config"]
    file = folder / "model_config.txt"
    file.write_text(of_kind("ConfigMap")[config]["data"][file.name])
    [model] = read_model_config(file)
    [served] = model.policy.specific
    return served


def test_nothing_breaks_a_schema_or_a_rule():
    assert [fault for each in built(FOLDER) for fault in check_manifests.faults(each)] == []


def test_everything_is_in_one_namespace():
    assert {manifest["metadata"]["namespace"] for manifest in built(FOLDER)} == {"kubeflow"}


def test_each_deployment_serves_a_version_of_its_own(tmp_path):
    assert set(of_kind("Deployment")) == set(NAMES)
    assert len({version(name, tmp_path) for name in NAMES}) == 2


def test_a_service_leads_to_the_pods_of_its_version_only():
    for service in NAMES:
        selector = of_kind("Service")[service]["spec"]["selector"].items()
        chosen = [
            name
            for name, deployment in of_kind("Deployment").items()
            if selector <= deployment["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert chosen == [service]


@pytest.mark.parametrize(("kind", "port"), [("HTTPRoute", 8501), ("GRPCRoute", 8500)])
def test_requests_are_shared_out_between_both(kind, port):
    [route] = of_kind(kind).values()
    [rule] = route["spec"]["rules"]
    shares = {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}
    assert shares == dict(zip(NAMES, (90, 10), strict=True))
    for backend in rule["backendRefs"]:
        ports = {each["port"] for each in of_kind("Service")[backend["name"]]["spec"]["ports"]}
        assert backend["port"] == port
        assert port in ports


def test_predictions_go_through_and_reloading_does_not():
    [rest] = of_kind("HTTPRoute").values()
    [match] = rest["spec"]["rules"][0]["matches"]
    # The Gateway API compares whole segments of a path.
    segments = match["path"]["value"].strip("/").split("/")
    assert match["path"]["type"] == "PathPrefix"
    assert ["v1", "models", "photos:predict"][: len(segments)] == segments
    [grpc] = of_kind("GRPCRoute").values()
    methods = {
        (match["method"]["service"].rpartition(".")[2], match["method"].get("method"))
        for match in grpc["spec"]["rules"][0]["matches"]
    }
    assert methods == {("PredictionService", None), ("ModelService", "GetModelStatus")}


def test_the_gateways_pods_come_in_to_both():
    for name in NAMES:
        rules = of_kind("NetworkPolicy")[name]["spec"]["ingress"]
        gateway = [
            rule
            for rule in rules
            if rule["from"][0].get("namespaceSelector", {}).get("matchLabels")
            == {"kubernetes.io/metadata.name": "gateway"}
        ]
        assert {port["port"] for rule in gateway for port in rule["ports"]} == {8500, 8501}
