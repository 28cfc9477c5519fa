"""The manifests for Kubeflow: least privilege, no root, and names that fit the configuration."""

import ast
import re
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.settings import config as configuration
from tests.kubernetes import manifests
from tests.kubernetes.manifests import IMAGE_USER, ROOT, needs_kubectl
from tools import check_manifests

FOLDER = ROOT / "kubernetes" / "pipeline"
OVERLAYS = {
    "kind": "kubeflow",
    "multi-user": "my-profile",
    "openshift": "my-project",
    "own-metadata": "kubeflow",
    "standalone": "kubeflow",
}
EXAMPLES = [FOLDER / "components/retraining/photos.yaml", *sorted((FOLDER / "pools").glob("*"))]
API_AUDIENCE = "pipelines.kubeflow.org"

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def built(overlay: str) -> tuple[dict, ...]:
    return manifests.built(FOLDER / "overlays" / overlay)


def of_kind(overlay: str, kind: str) -> dict[str, dict]:
    return manifests.named(built(overlay), kind)


def pods(overlay: str) -> dict[str, dict]:
    """The pod specification of everything that starts pods, by name."""
    found = {}
    for manifest in built(overlay):
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[manifest["metadata"]["name"]] = spec["template"]["spec"]
    return found


def rules(overlay: str) -> list[dict]:
    return [rule for role in of_kind(overlay, "Role").values() for rule in role["rules"]]


def test_every_overlay_is_tested():
    assert {path.name for path in (FOLDER / "overlays").iterdir()} == set(OVERLAYS)


@needs_kubectl
def test_every_component_is_in_an_overlay():
    used = set()
    for overlay in OVERLAYS:
        text = (FOLDER / "overlays" / overlay / "kustomization.yaml").read_text()
        used |= {Path(path).name for path in yaml.safe_load(text).get("components", ())}
    assert used == {path.name for path in (FOLDER / "components").iterdir()}


@needs_kubectl
@every_overlay
def test_everything_is_in_the_overlays_namespace(overlay):
    for manifest in built(overlay):
        where = manifest["metadata"].get("namespace")
        assert where == OVERLAYS[overlay], manifest["metadata"]["name"]
        for subject in manifest.get("subjects", ()):
            assert subject["namespace"] == OVERLAYS[overlay]


@needs_kubectl
@every_overlay
def test_manifests_fit_kubernetes_schemas(overlay):
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate brings the schemas: not installed"
    )
    for manifest in built(overlay):
        kubernetes_validate.validate(manifest, "1.32", strict=True)


@needs_kubectl
@every_overlay
def test_no_role_reaches_beyond_the_namespace(overlay):
    kinds = {manifest["kind"] for manifest in built(overlay)}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}


@needs_kubectl
@every_overlay
def test_no_rule_has_a_wildcard(overlay):
    for rule in rules(overlay):
        for field in ("apiGroups", "resources", "verbs", "resourceNames"):
            assert "*" not in "".join(rule.get(field, ())), rule


@needs_kubectl
@every_overlay
def test_secrets_are_read_by_name_and_never_listed(overlay):
    about_secrets = [rule for rule in rules(overlay) if "secrets" in rule["resources"]]
    assert about_secrets
    for rule in about_secrets:
        assert rule["verbs"] == ["get"]
        assert rule["resourceNames"]


@needs_kubectl
def test_pods_are_created_only_with_the_component_for_it():
    def creates_pods(overlay):
        return any("pods" in r["resources"] and "create" in r["verbs"] for r in rules(overlay))

    assert [overlay for overlay in OVERLAYS if creates_pods(overlay)] == ["kind", "standalone"]


@needs_kubectl
@every_overlay
def test_every_binding_joins_a_role_and_an_account_that_are_there(overlay):
    bindings = of_kind(overlay, "RoleBinding")
    assert bindings
    for binding in bindings.values():
        assert binding["roleRef"]["name"] in of_kind(overlay, "Role")
        for subject in binding["subjects"]:
            assert subject["name"] in of_kind(overlay, "ServiceAccount")


@needs_kubectl
@every_overlay
def test_pods_meet_the_restricted_security_standard(overlay):
    for name, pod in pods(overlay).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert context["readOnlyRootFilesystem"] is True, name


@needs_kubectl
@every_overlay
def test_containers_say_what_they_need_and_what_they_get_at_most(overlay):
    for name, pod in pods(overlay).items():
        for container in pod["containers"]:
            for side in ("requests", "limits"):
                assert set(container["resources"][side]) == check_manifests.NEEDED, name


@needs_kubectl
@every_overlay
def test_images_are_pinned(overlay):
    version = setup_version()
    for name, pod in pods(overlay).items():
        for container in pod["containers"]:
            repository, _, tag = container["image"].rpartition(":")
            assert repository, name
            assert tag != "latest", name
            if repository.endswith("/bitpipe"):
                assert tag == version, name


@needs_kubectl
@every_overlay
def test_volumes_claims_and_configuration_exist(overlay):
    for name, pod in pods(overlay).items():
        for volume in pod.get("volumes", ()):
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in of_kind(overlay, "PersistentVolumeClaim"), name
            if generated := volume.get("configMap"):
                assert generated["name"] in of_kind(overlay, "ConfigMap"), name
        known = {volume["name"] for volume in pod.get("volumes", ())}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= known, name
            for volume in pod.get("volumes", ()):
                assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], name


@needs_kubectl
@every_overlay
def test_jobs_end_where_the_namespace_injects_sidecars(overlay):
    for manifest in built(overlay):
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            labels = spec["template"]["metadata"]["labels"]
            assert labels["sidecar.istio.io/inject"] == "false", manifest["metadata"]["name"]


@needs_kubectl
def test_another_tag_changes_nothing_that_cannot_be_changed(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "pipeline")
    overlay = tmp_path / "pipeline" / "overlays" / "standalone"
    file = overlay / "kustomization.yaml"
    file.write_text(file.read_text().replace(f"newTag: {setup_version()}", "newTag: 9.9.9"))
    before, after = built("standalone"), manifests.built(overlay)
    assert before != after
    for kind in ("Job", "PersistentVolumeClaim"):
        assert manifests.named(after, kind) == manifests.named(before, kind)


@needs_kubectl
def test_a_cluster_of_one_node_can_bind_the_claims():
    claims = of_kind("kind", "PersistentVolumeClaim").values()
    assert [claim["spec"]["accessModes"] for claim in claims] == [["ReadWriteOnce"]]


@needs_kubectl
def test_openshift_chooses_the_users_itself():
    assert len(pods("openshift")) == 3
    for name, pod in pods("openshift").items():
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"]), name


@needs_kubectl
@pytest.mark.parametrize("overlay", sorted(set(OVERLAYS) - {"kind", "openshift"}))
def test_the_store_is_handed_over_to_the_images_user(overlay):
    context = pods(overlay)["bitpipe-store"]["securityContext"]
    assert (context["runAsUser"], context["fsGroup"]) == (IMAGE_USER, IMAGE_USER)
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert set(users) - {"0:0"} == {f"{IMAGE_USER}:{IMAGE_USER}"}
    claim = of_kind(overlay, "PersistentVolumeClaim")["bitpipe-store"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


@needs_kubectl
def test_nightly_runs_neither_overlap_nor_repeat():
    job = of_kind("standalone", "CronJob")["bitpipe-retraining"]["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0


@needs_kubectl
def test_nightly_job_calls_a_command_that_is_there():
    from click.testing import CliRunner

    from pipeline.cli import cli

    [container] = pods("standalone")["bitpipe-retraining"]["containers"]
    program, command, *options = container["command"]
    assert program == "bitpipe"
    known = CliRunner().invoke(cli, [command, "--help"]).output
    for option in options:
        assert not option.startswith("--") or option in known, option


@needs_kubectl
def test_profiles_send_a_token_for_kubeflow_only():
    pod = pods("multi-user")["bitpipe-retraining"]
    [token] = [volume for volume in pod["volumes"] if "projected" in volume]
    [source] = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == API_AUDIENCE
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == token["name"]]
    env = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    path = f"{mount['mountPath']}/{source['serviceAccountToken']['path']}"
    assert env["KF_PIPELINES_SA_TOKEN_PATH"] == path
    assert "KFP_NAMESPACE" in env


@needs_kubectl
def test_own_metadata_is_one_writer_behind_its_service_and_policy():
    server = of_kind("own-metadata", "Deployment")["bitpipe-metadata"]["spec"]
    assert server["replicas"] == 1
    assert server["strategy"]["type"] == "Recreate"
    labels = server["template"]["metadata"]["labels"].items()
    service = of_kind("own-metadata", "Service")["bitpipe-metadata"]["spec"]
    policy = of_kind("own-metadata", "NetworkPolicy")["bitpipe-metadata"]["spec"]
    assert service["selector"].items() <= labels
    assert policy["podSelector"]["matchLabels"].items() <= labels
    assert service["ports"][0]["port"] == policy["ingress"][0]["ports"][0]["port"] == 8080


def test_own_metadata_starts_with_a_configuration_that_ml_metadata_reads():
    from google.protobuf import text_format
    from ml_metadata.proto import metadata_store_pb2

    text = (FOLDER / "components/metadata-server/server.pbtxt").read_text()
    server = text_format.Parse(text, metadata_store_pb2.MetadataStoreServerConfig())
    assert server.connection_config.sqlite.filename_uri == "/data/metadata.sqlite"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_configurations_load_and_name_what_the_manifests_bring(path):
    kubeflow = configuration.load(str(path), ()).config.kubeflow
    base = "".join(file.read_text() for file in (FOLDER / "base").glob("*.yaml"))
    for name in (kubeflow.service_account, *(volume.claim for volume in kubeflow.volumes)):
        assert re.search(rf"^  name: {name}$", base, flags=re.MULTILINE), name
    for volume in kubeflow.volumes:
        for place in (kubeflow.data, kubeflow.root, kubeflow.serving):
            assert place.startswith(f"{volume.path}/")
            assert f" {place}" in base.replace("]", "").replace(",", ""), place


@pytest.mark.parametrize("path", sorted((FOLDER / "pools").glob("*")), ids=lambda path: path.name)
def test_pools_give_the_trainer_a_device_and_tolerate_its_taint(path):
    trainer = configuration.load(str(path), ()).config.kubeflow.resources("trainer")
    assert trainer.accelerator.type in {toleration.key for toleration in trainer.tolerations}
    assert trainer.image.rpartition("-")[2] in ("gpu", "tpu")
    documented = (FOLDER / "node-pools.md").read_text()
    for label in trainer.node_selector:
        assert f"`{label}`" in documented, label


def setup_version() -> str:
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "VERSION":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py assigns no VERSION")
