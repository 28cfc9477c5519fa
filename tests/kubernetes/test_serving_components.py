"""What each component of TensorFlow Serving's manifests changes."""

from pathlib import Path

from bitpipe.model import release
from tests.kubernetes.manifests import (
    ROOT,
    built,
    configs,
    model_config,
    named,
    needs_kubectl,
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


def test_a_canary_has_room_beside_the_version_that_bitpipe_models_puts_into_service(tmp_path):
    container = server(put_together(tmp_path, "canary"))
    assert model_config(container) == f"/models/photos/{release.MODEL_CONFIG}"
    assert container["resources"]["limits"]["memory"] == "6Gi"


def test_bucket_of_google_needs_no_volume_and_no_key(tmp_path):
    manifests = put_together(tmp_path, "gcs")
    folder = model_config(server(manifests)).removesuffix(f"/{release.MODEL_CONFIG}")
    assert f'base_path: "{folder}"' in release.model_config(folder, release.Release())
    assert folder.startswith("gs://")
    assert {volume["name"] for volume in pod(manifests)["volumes"]} == {"config", "scratch"}
    assert not named(manifests, "Secret")
    assert pod(manifests)["serviceAccountName"] in named(manifests, "ServiceAccount")


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


def test_keys_are_in_a_file_that_only_the_sidecars_user_can_reach(tmp_path):
    manifests = put_together(tmp_path, "s3")
    spec = pod(manifests)
    [sidecar] = spec["initContainers"]
    # Of one user, in a shared process namespace, the server would find them below /proc.
    users = {
        container["name"]: {**spec["securityContext"], **container["securityContext"]}["runAsUser"]
        for container in (sidecar, server(manifests))
    }
    assert len(set(users.values())) == 2
    env = {variable["name"]: variable for variable in sidecar["env"]}
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(env)
    [keys] = [volume for volume in spec["volumes"] if "secret" in volume]
    [mount] = [m for m in sidecar["volumeMounts"] if m["name"] == keys["name"]]
    [item] = keys["secret"]["items"]
    path = f"{mount['mountPath']}/{item['path']}"
    assert env["AWS_SHARED_CREDENTIALS_FILE"]["value"] == path
    # The group is the volumes', so that the sidecar can read the keys and write the models.
    assert keys["secret"]["defaultMode"] == 0o440
    assert spec["securityContext"]["fsGroup"]
    shared = {m["name"] for m in server(manifests)["volumeMounts"]} & {
        m["name"] for m in sidecar["volumeMounts"]
    }
    assert shared == {"models"}


def test_openshift_chooses_the_user(tmp_path):
    context = pod(put_together(tmp_path, "openshift"))["securityContext"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)
    assert context["runAsNonRoot"] is True
