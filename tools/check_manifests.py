"""Refuses Kubernetes manifests that a cluster would reject, or that break the project's rules.

Builds every overlay below kubernetes/, then checks each document against Kubernetes' own schemas
(strictly: no unknown field) and each pod and role against the rules below. Without kubectl only
the files that kustomizations name as resources are checked, against the schemas alone: their
images get a tag when an overlay is built.
Usage: python tools/check_manifests.py [FOLDER]
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[1] / "kubernetes"
KUBERNETES = "1.32"  # whose schemas
NEEDED = {"cpu", "memory", "ephemeral-storage"}  # requested and limited by every container
NO_KUBECTL = (
    "kubectl is not installed, so no overlay was built and only the schemas of single files were "
    "checked; install it to check all."
)

Manifest = dict[str, Any]


class BuildError(Exception):
    """kubectl's own words about an overlay that it cannot build."""


def overlays(root: Path) -> list[Path]:
    """The folders that are applied to a cluster, by name."""
    return sorted(path for path in root.glob("*/overlays/*") if path.is_dir())


def build(folder: Path) -> list[Manifest]:
    """The documents that `kubectl kustomize` makes of a folder.

    Raises:
        BuildError: it makes none.
    """
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise BuildError(done.stderr.strip())
    return list(yaml.safe_load_all(done.stdout))


def resources(root: Path) -> list[Path]:
    """The files that kustomizations below `root` take whole; patches are no documents yet."""
    found = set()
    for path in root.rglob("kustomization.yaml"):
        named = yaml.safe_load(path.read_text()).get("resources", ())
        found |= {(path.parent / name).resolve() for name in named}
    return sorted(path for path in found if path.is_file())


def pod_spec(manifest: Manifest) -> Manifest | None:
    """The specification of the pods that a document starts, if any."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Pod":
        return spec
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return spec.get("template", {}).get("spec")


def containers(pod: Manifest) -> list[Manifest]:
    """A pod's containers, those that run first included."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def faults(manifest: Manifest) -> list[str]:
    """One sentence per broken rule, of the schema or of the project."""
    pod = pod_spec(manifest)
    found = [*schema_faults(manifest), *role_faults(manifest), *(pod_faults(pod) if pod else ())]
    return [f"{manifest['kind']} {manifest['metadata']['name']}: {fault}" for fault in found]


def schema_faults(manifest: Manifest) -> Iterator[str]:
    """At most one: where Kubernetes' schema is broken."""
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(map(str, error.path)) or "the document"
        yield f"{where} does not fit the schema of Kubernetes {KUBERNETES}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        if manifest["kind"] in CUSTOM:
            yield from CUSTOM[manifest["kind"]](manifest["spec"])
        else:
            yield f"there is no schema for {manifest['apiVersion']}."


def service_monitor_faults(spec: Manifest) -> Iterator[str]:
    """The fields that a custom resource of the Prometheus operator cannot do without."""
    if unknown := set(spec) - {"selector", "endpoints", "namespaceSelector", "jobLabel"}:
        yield f"fields nobody checked: {', '.join(sorted(unknown))}."
    if not spec.get("selector", {}).get("matchLabels"):
        yield "selector.matchLabels must choose Services."
    if not spec.get("endpoints"):
        yield "endpoints must name at least one port."
    for endpoint in spec.get("endpoints", ()):
        if not endpoint.get("port") or not str(endpoint.get("path", "")).startswith("/"):
            yield f"an endpoint needs a port's name and a path. Received: {endpoint}."


def route_faults(spec: Manifest) -> Iterator[str]:
    """The fields that a route of the Gateway API cannot do without."""
    if unknown := set(spec) - {"parentRefs", "hostnames", "rules"}:
        yield f"fields nobody checked: {', '.join(sorted(unknown))}."
    if not all(parent.get("name") for parent in spec.get("parentRefs") or [{}]):
        yield "parentRefs must name a Gateway."
    for rule in spec.get("rules") or [{}]:
        if unknown := set(rule) - {"matches", "filters", "backendRefs", "timeouts"}:
            yield f"fields of a rule that nobody checked: {', '.join(sorted(unknown))}."
        backends = rule.get("backendRefs", ())
        for backend in backends:
            if not set(backend) <= {"name", "namespace", "port", "weight"} or not (
                backend.get("name") and isinstance(backend.get("port"), int)
            ):
                yield f"a backend needs a Service's name and a port's number. Received: {backend}."
        if not sum(backend.get("weight", 1) for backend in backends):
            yield "a rule needs a backend with a weight."


# Kinds whose schema is a CustomResourceDefinition of others: their shape is checked.
CUSTOM = {
    "ServiceMonitor": service_monitor_faults,
    "HTTPRoute": route_faults,
    "GRPCRoute": route_faults,
}


def role_faults(manifest: Manifest) -> Iterator[str]:
    """One for each rule of a role that has a wildcard."""
    if manifest["kind"] not in ("Role", "ClusterRole"):
        return
    for rule in manifest["rules"]:
        if any("*" in value for values in rule.values() for value in values):
            yield f"a rule must not have a wildcard. Received: {rule}."


def pod_faults(pod: Manifest) -> Iterator[str]:
    """Pod Security Standard `restricted`, a read-only root, limits, and images with a version."""
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "pods must set runAsNonRoot, and no user 0."
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "pods must set the seccomp profile RuntimeDefault."
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"pods must not set {field}."
    for volume in pod.get("volumes", ()):
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            yield f"volume {volume['name']}: an emptyDir must set sizeLimit."
    for container in containers(pod):
        for fault in container_faults(container):
            yield f"container {container['name']}: {fault}"


def container_faults(container: Manifest) -> Iterator[str]:
    """One for each thing that a container must set and does not."""
    context = container.get("securityContext", {})
    if context.get("readOnlyRootFilesystem") is not True:
        yield "must set readOnlyRootFilesystem."
    if context.get("allowPrivilegeEscalation") is not False:
        yield "must set allowPrivilegeEscalation to false."
    if context.get("privileged") or context.get("runAsUser") == 0:
        yield "must not be privileged, nor root."
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "must drop all capabilities and add none."
    for side in ("requests", "limits"):
        if not set(container.get("resources", {}).get(side, {})) >= NEEDED:
            yield f"must set resources.{side} for {', '.join(sorted(NEEDED))}."
    _, _, tag = container["image"].rpartition("/")[2].partition(":")
    if not tag or tag == "latest":
        yield f"its image needs a version. Received: {container['image']}."


def main(arguments: list[str]) -> int:
    """Builds and checks the manifests below a folder; returns the exit code."""
    root = (Path(arguments[0]) if arguments else ROOT).resolve()
    found: list[str] = []
    documents = 0
    if shutil.which("kubectl"):
        folders = overlays(root)
        for folder in folders:
            where = folder.relative_to(root)
            try:
                manifests = build(folder)
            except BuildError as error:
                found.append(f"{where}: {error}")
                continue
            documents += len(manifests)
            found += [f"{where}: {fault}" for each in manifests for fault in faults(each)]
        summary = f"Manifests: clean ({documents} documents of {len(folders)} overlays)"
    else:
        for path in resources(root):
            where = path.relative_to(root)
            for each in filter(None, yaml.safe_load_all(path.read_text())):
                documents += 1
                found += [f"{where}: {each['kind']}: {fault}" for fault in schema_faults(each)]
        summary = f"Manifests: clean ({documents} documents). {NO_KUBECTL}"
    print("\n".join(found) if found else summary)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
