"""Servers that read buckets reach DNS wherever it is, their store, and little else."""

import pytest

from tests.kubernetes.manifests import ROOT, built, named, needs_kubectl, with_components
from tests.kubernetes.policies import Peer, lets_out

FOLDER = ROOT / "kubernetes" / "serving"
KUBE_SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}
OPENSHIFT = {"kubernetes.io/metadata.name": "openshift-dns"}
# Who answers for names: pods of CoreDNS or kube-dns, a cache on the node that is a pod to the
# network or is none, Cloud DNS on Google Kubernetes Engine, OpenShift's pods behind its Service.
DNS = {
    "kube-dns": (Peer("10.0.0.10", KUBE_SYSTEM, {"k8s-app": "kube-dns"}), 53),
    "node-local pod": (Peer("10.0.0.11", KUBE_SYSTEM, {"k8s-app": "node-local-dns"}), 53),
    "node-local address": (Peer("169.254.20.10"), 53),
    "Cloud DNS": (Peer("169.254.169.254"), 53),
    "OpenShift": (
        Peer("10.128.0.5", OPENSHIFT, {"dns.operator.openshift.io/daemonset-dns": "default"}),
        5353,
    ),
}
METADATA = [(Peer("169.254.169.254"), 80), (Peer("169.254.169.252"), 988)]

pytestmark = needs_kubectl


@pytest.fixture(scope="module", params=["gcs", "s3"])
def component(request):
    return request.param


@pytest.fixture(scope="module")
def policies(component, tmp_path_factory):
    manifests = built(with_components(FOLDER, tmp_path_factory.mktemp(component), component))
    return list(named(manifests, "NetworkPolicy").values())


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
@pytest.mark.parametrize("kind", DNS)
def test_names_are_resolved_by_every_kind_of_dns(policies, kind, protocol):
    peer, port = DNS[kind]
    assert lets_out(policies, peer, protocol, port)


def test_the_store_is_reached_and_no_other_port(policies):
    assert lets_out(policies, Peer("142.250.0.1"), "TCP", 443)
    assert lets_out(policies, Peer("199.36.153.9"), "TCP", 443)
    for protocol, port in (("TCP", 80), ("TCP", 22), ("UDP", 443), ("TCP", 53), ("UDP", 53)):
        assert not lets_out(policies, Peer("142.250.0.1"), protocol, port)


def test_tokens_are_handed_to_the_component_that_needs_them(policies, component):
    for peer, port in METADATA:
        assert lets_out(policies, peer, "TCP", port) == (component == "gcs")


def test_pods_that_are_no_dns_are_out_of_reach(policies):
    for port in (53, 443, 5353, 8500):
        assert not lets_out(policies, Peer("10.0.0.12", KUBE_SYSTEM, {"app": "x"}), "TCP", port)
        assert not lets_out(policies, Peer("10.0.0.12", OPENSHIFT, {}), "UDP", port)


@pytest.mark.parametrize("address", ["10.1.2.3", "172.20.0.1", "192.168.0.1", "100.64.0.1"])
def test_google_is_not_inside(policies, component, address):
    # A store of one's own may be inside, Google's is not.
    assert lets_out(policies, Peer(address), "TCP", 443) == (component == "s3")


def test_with_a_claim_nothing_is_reached_at_all():
    policies = named(built(FOLDER / "overlays" / "production"), "NetworkPolicy").values()
    for peer, port in DNS.values():
        assert not lets_out(policies, peer, "UDP", port)
    assert not lets_out(policies, Peer("142.250.0.1"), "TCP", 443)
