"""The rules for manifests, each broken once."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tools import check_manifests

DEPLOYMENT = yaml.safe_load("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: some}
spec:
  selector: {matchLabels: {app: some}}
  template:
    metadata: {labels: {app: some}}
    spec:
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      initContainers: []
      containers:
        - name: main
          image: registry.example:5000/group/some:1.2
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: "1", memory: 1Gi, ephemeral-storage: 1Gi}
            limits: {cpu: "1", memory: 1Gi, ephemeral-storage: 1Gi}
      volumes:
        - {name: scratch, emptyDir: {sizeLimit: 1Gi}}
""")
MONITOR = yaml.safe_load("""
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: some}
spec:
  selector: {matchLabels: {app: some}}
  endpoints: [{port: http, path: /metrics}]
""")
ROUTE = yaml.safe_load("""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: some}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{name: some, port: 80, weight: 9}, {name: other, port: 80, weight: 1}]
""")
ROLE = yaml.safe_load("""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: some}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""")
NEEDS_KUBECTL = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl builds the overlays and is not installed"
)


def changed(manifest: dict, change: Callable[[dict], object]) -> list[str]:
    """The faults of a copy after `change`."""
    copied = copy.deepcopy(manifest)
    change(copied)
    return check_manifests.faults(copied)


def pod(manifest: dict) -> dict:
    return manifest["spec"]["template"]["spec"]


def container(manifest: dict) -> dict:
    return pod(manifest)["containers"][0]


@pytest.mark.parametrize("manifest", [DEPLOYMENT, MONITOR, ROUTE, ROLE], ids=lambda m: m["kind"])
def test_clean_manifest_has_no_faults(manifest):
    assert check_manifests.faults(manifest) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: pod(m)["securityContext"].pop("runAsNonRoot"), "runAsNonRoot"),
        (lambda m: pod(m)["securityContext"].update(runAsUser=0), "user 0"),
        (lambda m: pod(m)["securityContext"].pop("seccompProfile"), "seccomp"),
        (lambda m: pod(m).update(hostNetwork=True), "hostNetwork"),
        (lambda m: container(m).pop("securityContext"), "readOnlyRootFilesystem"),
        (lambda m: container(m)["securityContext"].update(privileged=True), "privileged"),
        (lambda m: container(m)["securityContext"].update(runAsUser=0), "root"),
        (
            lambda m: container(m)["securityContext"].update(allowPrivilegeEscalation=True),
            "allowPrivilegeEscalation",
        ),
        (
            lambda m: container(m)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
            "capabilities",
        ),
        (lambda m: container(m)["resources"].pop("limits"), "resources.limits"),
        (lambda m: container(m)["resources"]["requests"].pop("memory"), "resources.requests"),
        (lambda m: container(m)["resources"]["limits"].pop("ephemeral-storage"), "ephemeral"),
        (lambda m: pod(m)["volumes"][0].update(emptyDir={}), "sizeLimit"),
        (lambda m: pod(m)["volumes"][0].update(emptyDir={"medium": "Memory"}), "sizeLimit"),
        (lambda m: container(m).update(image="some"), "needs a version"),
        (lambda m: container(m).update(image="some:latest"), "needs a version"),
        (lambda m: container(m).update(image="registry.example:5000/some"), "needs a version"),
    ],
)
def test_careless_pod_is_refused(change, words):
    found = changed(DEPLOYMENT, change)
    assert any(words in fault for fault in found)
    assert all(fault.startswith("Deployment some: ") for fault in found)


def test_init_containers_are_checked_as_well():
    [fault] = changed(
        DEPLOYMENT,
        lambda m: pod(m)["initContainers"].append({**container(m), "name": "a", "image": "x"}),
    )
    assert "container a" in fault


@pytest.mark.parametrize("kind", ["CronJob", "Job"])
def test_pods_of_jobs_are_found(kind):
    template = {"template": {"spec": {"containers": []}}}
    spec = {"jobTemplate": {"spec": template}} if kind == "CronJob" else template
    assert check_manifests.pod_spec({"kind": kind, "spec": spec}) == {"containers": []}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["spec"].update(replicsa=2), "replicsa"),
        (lambda m: m["spec"].pop("selector"), "selector"),
        (lambda m: m["spec"].update(replicas="two"), "spec.replicas"),
        (lambda m: m.update(apiVersion="apps/v7"), "no schema for apps/v7"),
    ],
)
def test_schema_is_strict(change, words):
    [fault] = changed(DEPLOYMENT, change)
    assert words in fault


@pytest.mark.parametrize("field", ["apiGroups", "resources", "verbs"])
def test_wildcard_in_a_role_is_refused(field):
    [fault] = changed(ROLE, lambda m: m["rules"][0].update({field: ["*"]}))
    assert "wildcard" in fault


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["spec"].pop("selector"), "matchLabels"),
        (lambda m: m["spec"].pop("endpoints"), "at least one port"),
        (lambda m: m["spec"]["endpoints"][0].pop("port"), "port's name"),
        (lambda m: m["spec"]["endpoints"][0].update(path="metrics"), "and a path"),
        (lambda m: m["spec"].update(endpoint=[]), "nobody checked: endpoint"),
    ],
)
def test_monitor_is_checked_by_its_shape(change, words):
    assert any(words in fault for fault in changed(MONITOR, change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["spec"].pop("parentRefs"), "name a Gateway"),
        (lambda m: m["spec"].pop("rules"), "needs a backend"),
        (lambda m: m["spec"].update(rule=[]), "nobody checked: rule"),
        (lambda m: m["spec"]["rules"][0].update(backends=[]), "nobody checked: backends"),
        (lambda m: m["spec"]["rules"][0]["backendRefs"][0].pop("port"), "a port's number"),
        (lambda m: m["spec"]["rules"][0]["backendRefs"][0].update(wieght=1), "a port's number"),
        (
            lambda m: [b.update(weight=0) for b in m["spec"]["rules"][0]["backendRefs"]],
            "with a weight",
        ),
    ],
)
def test_route_is_checked_by_its_shape(change, words):
    assert any(words in fault for fault in changed(ROUTE, change))


def test_image_may_be_named_by_its_digest():
    image = f"registry.example:5000/group/some@sha256:{'0' * 64}"
    assert changed(DEPLOYMENT, lambda m: container(m).update(image=image)) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    overlay = tmp_path / "part" / "overlays" / "one"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text("resources: [some.yaml]\n")
    (overlay / "some.yaml").write_text(yaml.safe_dump(DEPLOYMENT))
    return tmp_path


def replace(tree: Path, old: str, new: str) -> None:
    path = tree / "part" / "overlays" / "one" / "some.yaml"
    path.write_text(path.read_text().replace(old, new))


@NEEDS_KUBECTL
def test_main_builds_overlays_and_names_the_one_at_fault(tree, capsys):
    assert check_manifests.main([str(tree)]) == 0
    assert "clean (1 documents of 1 overlays)" in capsys.readouterr().out
    replace(tree, ":1.2", ":latest")
    assert check_manifests.main([str(tree)]) == 1
    assert capsys.readouterr().out.startswith("part/overlays/one: Deployment some: container main:")


@NEEDS_KUBECTL
def test_overlay_that_does_not_build_is_a_fault(tree, capsys):
    (tree / "part" / "overlays" / "one" / "some.yaml").unlink()
    assert check_manifests.main([str(tree)]) == 1
    assert "some.yaml" in capsys.readouterr().out


def test_without_kubectl_files_are_checked_and_the_rest_is_said(tree, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert check_manifests.main([str(tree)]) == 0
    assert "kubectl is not installed" in capsys.readouterr().out
    replace(tree, "containers:", "container:")
    assert check_manifests.main([str(tree)]) == 1
    assert capsys.readouterr().out.startswith("part/overlays/one/some.yaml: Deployment: ")


def test_without_kubectl_the_projects_own_files_are_clean(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert check_manifests.main([]) == 0
    assert check_manifests.resources(check_manifests.ROOT)
