"""What each component of TensorFlow Serving's manifests changes."""

from pathlib import Path

import pytest

from tests.kubernetes.manifests import (
    ROOT,
    built,
    configs,
    flags,
    named,
    needs_kubectl,
    only,
    pod,
    server,
    with_components,
)

FOLDER = ROOT / "kubernetes" / "serving"

pytestmark = needs_kubectl


def put_together(tmp_path: Path, *components: str) -> tuple[dict, ...]:
    return built(with_components(FOLDER, tmp_path, *components))


def test_gpu_is_asked_for_and_its_taint_tolerated(tmp_path):
    manifests = put_together(tmp_path, "gpu")
    resources = server(manifests)["resources"]
    for side in ("requests", "limits"):
        assert resources[side]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" in {each["key"] for each in pod(manifests)["tolerations"]}
    assert server(manifests)["image"].endswith("-gpu")


def test_canary_labels_name_versions_that_are_served(tmp_path):
    from serving.server.model_config import read_model_config

    manifests = put_together(tmp_path, "canary")
    file = tmp_path / "model_config.txt"
    file.write_text(configs(manifests)["model_config.txt"])
    [model] = read_model_config(file)
    assert set(model.labels) == {"stable", "canary"}
    assert set(model.labels.values()) == set(model.policy.specific)
    assert flags(server(manifests))["allow_version_labels_for_unavailable_models"] == "true"


def test_bucket_of_google_needs_no_volume_and_no_key(tmp_path):
    manifests = put_together(tmp_path, "gcs")
    assert 'base_path: "gs://' in configs(manifests)["model_config.txt"]
    assert {volume["name"] for volume in pod(manifests)["volumes"]} == {"config", "scratch"}
    assert not named(manifests, "Secret")
    assert pod(manifests)["serviceAccountName"] in named(manifests, "ServiceAccount")


@pytest.mark.parametrize("component", ["gcs", "s3"])
def test_buckets_are_reached_through_the_policy_and_claims_need_no_way_out(tmp_path, component):
    rules = only(put_together(tmp_path, component), "NetworkPolicy")["spec"]["egress"]
    assert {53, 443} <= {port["port"] for rule in rules for port in rule["ports"]}
    assert only(built(FOLDER / "overlays" / "production"), "NetworkPolicy")["spec"]["egress"] == []


def test_sidecar_fills_the_folder_that_the_server_watches(tmp_path):
    manifests = put_together(tmp_path, "s3")
    [sidecar] = pod(manifests)["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    env = {variable["name"]: variable for variable in sidecar["env"]}
    target = env["TARGET"]["value"]
    mounts = {mount["mountPath"]: mount for mount in sidecar["volumeMounts"]}
    assert mounts[target]["name"] == "models"
    for model in env["MODELS"]["value"].split():
        assert f'base_path: "{target}/{model}"' in configs(manifests)["model_config.txt"]
    assert sidecar["startupProbe"]["exec"]["command"][-1].startswith(f"{target}/")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "RCLONE_CONFIG_STORE_ENDPOINT"):
        assert "secretKeyRef" in env[name]["valueFrom"]
