"""TensorFlow Serving's manifests: what refers to what, in every overlay and component."""

import re
from pathlib import Path

import pytest
import yaml

from bitpipe.model import release
from pipeline.settings import config as configuration
from tests.kubernetes.manifests import (
    IMAGE_USER,
    ROOT,
    built,
    configs,
    flags,
    model_config,
    named,
    needs_kubectl,
    only,
    pod,
    server,
    with_components,
)
from tools import check_manifests

FOLDER = ROOT / "kubernetes" / "serving"
OVERLAYS = ("dev", "production")
ELSEWHERE = {"gateway"}  # test_serving_gateway.py
TOGETHER = (
    ("gpu",),
    ("canary",),
    ("gcs",),
    ("s3",),
    ("gpu", "gcs", "monitoring"),
    ("s3", "canary"),
    ("openshift",),
)
METRICS = "/monitoring/prometheus/metrics"

pytestmark = needs_kubectl


def overlay(name: str) -> tuple[dict, ...]:
    return built(FOLDER / "overlays" / name)


@pytest.fixture(
    scope="module",
    params=[*OVERLAYS, *TOGETHER],
    ids=lambda names: names if isinstance(names, str) else "-".join(names),
)
def manifests(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict, ...]:
    if isinstance(request.param, str):
        return overlay(request.param)
    return built(with_components(FOLDER, tmp_path_factory.mktemp("serving"), *request.param))


def test_every_overlay_and_component_is_tested():
    assert {path.name for path in (FOLDER / "overlays").iterdir()} == {*OVERLAYS, *ELSEWHERE}
    in_overlays = {
        Path(component).name
        for name in OVERLAYS
        for component in yaml.safe_load(
            (FOLDER / "overlays" / name / "kustomization.yaml").read_text()
        ).get("components", ())
    }
    tested = in_overlays.union(*TOGETHER)
    assert tested == {path.name for path in (FOLDER / "components").iterdir()}


def test_nothing_breaks_a_schema_or_a_rule(manifests):
    assert [fault for manifest in manifests for fault in check_manifests.faults(manifest)] == []


def test_probes_and_services_lead_to_ports_that_the_server_opens(manifests):
    container = server(manifests)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    given = flags(container)
    assert ports == {"grpc": int(given["port"]), "http": int(given["rest_api_port"])}
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["grpc"]["port"] == ports["grpc"]
        assert given["enable_grpc_healthcheck_service"] == "true"
    assert container["readinessProbe"]["httpGet"]["port"] in ports
    for service in named(manifests, "Service").values():
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_readiness_asks_for_a_model_that_is_configured(manifests):
    path = server(manifests)["readinessProbe"]["httpGet"]["path"]
    [model] = re.findall(
        r'^    name: "(.+)"$', configs(manifests)["model_config.txt"], re.MULTILINE
    )
    assert path == f"/v1/models/{model}/metadata"


def test_configured_files_are_mounted(manifests):
    container = server(manifests)
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    files = {value for name, value in flags(container).items() if name.endswith("_file")}
    files = files - {"$(MODEL_CONFIG)"} | {model_config(container)}
    mounted = {f"{folders['config']}/{name}" for name in configs(manifests)}
    # Unless the server is told by what lies beside the versions.
    assert files - mounted <= {model_config(container)} - mounted
    assert mounted - files <= {f"{folders['config']}/model_config.txt"}


def test_the_server_looks_again_for_what_it_is_told(manifests):
    given = flags(server(manifests))
    assert given["model_config_file_poll_wait_seconds"] == "$(POLL_SECONDS)"
    assert given["allow_version_labels_for_unavailable_models"] == "true"


def test_mounts_have_volumes_and_volumes_have_sources(manifests):
    spec = pod(manifests)
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in check_manifests.containers(spec):
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
    for volume in volumes.values():
        assert len(set(volume) - {"name"}) == 1, volume
        if generated := volume.get("configMap"):
            assert generated["name"] in named(manifests, "ConfigMap")


def test_arguments_use_variables_that_are_set(manifests):
    container = server(manifests)
    used = set(re.findall(r"\$\((\w+)\)", " ".join(container["args"])))
    assert used == {variable["name"] for variable in container["env"]}


def test_threads_follow_the_cpu_limit(manifests):
    container = server(manifests)
    [cpus] = [v for v in container["env"] if v["name"] == "CPUS"]
    source = cpus["valueFrom"]["resourceFieldRef"]
    assert source == {"containerName": container["name"], "resource": "limits.cpu"}
    given = flags(container)
    for pool in ("intra", "inter"):
        assert given[f"tensorflow_{pool}_op_parallelism"] == "$(CPUS)"


def test_a_request_finds_a_thread_while_batches_form(manifests):
    [rows] = re.findall(
        r"max_batch_size { value: (\d+) }", configs(manifests)["batching_parameters.txt"]
    )
    given = flags(server(manifests))
    for threads in ("grpc_max_threads", "rest_api_num_threads"):
        assert int(given[threads]) >= 2 * int(rows)


def test_a_pod_stays_until_connections_have_moved(manifests):
    container, spec = server(manifests), pod(manifests)
    arguments = dict(a.split("=") for a in flags(container)["grpc_channel_arguments"].split(","))
    age, grace = (
        int(arguments[f"grpc.max_connection_age_{name}"]) / 1000 for name in ("ms", "grace_ms")
    )
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 1.1 * age + grace <= pause < spec["terminationGracePeriodSeconds"]


def test_the_server_hears_that_it_is_to_end_or_shares_its_user_with_others(manifests):
    # Processes of one user see each other's secrets in a shared namespace.
    assert pod(manifests)["shareProcessNamespace"] == (
        "runAsUser" in pod(manifests)["securityContext"]
    )


def test_no_mesh_puts_a_sidecar_that_the_policy_would_starve(manifests):
    metadata = only(manifests, "Deployment")["spec"]["template"]["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"]["linkerd.io/inject"] == "disabled"


def test_a_pod_may_store_what_its_volumes_may_hold(manifests):
    spec = pod(manifests)
    volumes = [v["emptyDir"]["sizeLimit"] for v in spec["volumes"] if "emptyDir" in v]
    limits = [
        container["resources"]["limits"]["ephemeral-storage"]
        for container in check_manifests.containers(spec)
    ]
    assert sum(map(bytes_of, volumes)) < sum(map(bytes_of, limits))


def bytes_of(quantity: str) -> int:
    return int(quantity[:-2]) << {"Mi": 20, "Gi": 30}[quantity[-2:]]


def test_selectors_choose_the_servers_pods(manifests):
    template = only(manifests, "Deployment")["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    chosen = [service["spec"]["selector"] for service in named(manifests, "Service").values()]
    chosen.append(only(manifests, "Deployment")["spec"]["selector"]["matchLabels"])
    chosen.append(only(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    for budget in named(manifests, "PodDisruptionBudget").values():
        chosen.append(budget["spec"]["selector"]["matchLabels"])
    for constraint in template["spec"]["topologySpreadConstraints"]:
        chosen.append(constraint["labelSelector"]["matchLabels"])
    for selector in chosen:
        assert selector
        assert selector.items() <= labels


def test_autoscaler_scales_the_deployment_alone(manifests):
    deployment = only(manifests, "Deployment")
    for scaler in named(manifests, "HorizontalPodAutoscaler").values():
        assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        assert "replicas" not in deployment["spec"]
        [metric] = scaler["spec"]["metrics"]
        assert metric["containerResource"]["container"] == server(manifests)["name"]


def test_only_labelled_clients_and_monitoring_come_in(manifests):
    spec = only(manifests, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    clients, *monitoring = spec["ingress"]
    assert clients["from"][0]["podSelector"]["matchExpressions"][0]["operator"] == "Exists"
    assert {port["port"] for port in clients["ports"]} == {8500, 8501}
    for rule in monitoring:
        assert [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"]]
        assert [port["port"] for port in rule["ports"]] == [8501]


def test_models_cannot_be_written_by_the_server(manifests):
    for mount in server(manifests)["volumeMounts"]:
        assert mount.get("readOnly") or mount["mountPath"] == "/tmp"


@pytest.mark.parametrize("name", OVERLAYS)
def test_models_come_from_the_pipelines_claim(name):
    pipeline = built(ROOT / "kubernetes" / "pipeline" / "overlays" / "standalone")
    claim = only(pipeline, "PersistentVolumeClaim")["metadata"]
    assert only(overlay(name), "Deployment")["metadata"]["namespace"] == claim["namespace"]
    spec = pod(overlay(name))
    [volume] = [v for v in spec["volumes"] if v["name"] == "models"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim["name"], "readOnly": True}
    assert spec["securityContext"]["runAsUser"] == IMAGE_USER


def test_models_are_where_the_pusher_puts_them():
    path = str(ROOT / "kubernetes" / "pipeline" / "components" / "retraining" / "photos.yaml")
    config = configuration.load(path, ()).config
    [volume] = config.kubeflow.volumes
    manifests = overlay("production")
    [mount] = [m for m in server(manifests)["volumeMounts"] if m["name"] == "models"]
    assert f"{volume.path}/{mount['subPath']}" == config.kubeflow.serving
    base = f"{mount['mountPath']}/{config.name}"
    assert f'base_path: "{base}"' in configs(manifests)["model_config.txt"]
    # What `bitpipe models` decides is followed, in the same folder.
    assert model_config(server(manifests)) == f"{base}/{release.MODEL_CONFIG}"
    told = release.model_config(f"{config.kubeflow.serving}/{config.name}", release.Release())
    assert f'base_path: "{base}"' in told


def test_overlays_can_live_in_one_namespace():
    def identities(name):
        return {(m["kind"], m["metadata"]["name"]) for m in overlay(name)}

    def labels(name):
        return only(overlay(name), "Deployment")["spec"]["selector"]["matchLabels"]

    assert not identities("dev") & identities("production")
    assert labels("dev") != labels("production")


def test_production_is_watched_and_survives_a_drained_node():
    manifests = overlay("production")
    monitor = only(manifests, "ServiceMonitor")["spec"]
    [endpoint] = monitor["endpoints"]
    service = named(manifests, "Service")["bitpipe-serving"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert f'path: "{endpoint["path"]}"' in configs(manifests)["monitoring_config.txt"]
    assert endpoint["path"] == METRICS
    # Without it the Prometheus of kube-prometheus-stack passes it over.
    assert "release" in named(manifests, "ServiceMonitor")["bitpipe-serving"]["metadata"]["labels"]
    smallest = only(manifests, "HorizontalPodAutoscaler")["spec"]["minReplicas"]
    assert only(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] < smallest


def test_a_changed_file_replaces_the_pods(tmp_path):
    changed = with_components(FOLDER, tmp_path, "gpu")
    file = changed.parents[1] / "base" / "model_config.txt"
    file.write_text(file.read_text().replace('"photos"', '"others"'))
    [before], [after] = (
        [v["configMap"] for v in pod(m)["volumes"] if v["name"] == "config"]
        for m in (overlay("production"), built(changed))
    )
    assert before["name"] != after["name"]


def test_laptop_reads_productions_own_files():
    from serving.server.model_config import read_batching_parameters, read_model_config

    [model] = read_model_config(FOLDER / "base" / "model_config.txt")
    shipped = configuration.load("photos", ()).config
    assert (model.name, str(model.folder)) == (shipped.name, f"/models/{shipped.name}")
    batching = read_batching_parameters(FOLDER / "base" / "batching_parameters.txt")
    assert batching.max_batch_size > 1
