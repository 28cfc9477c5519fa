"""The dictionaries are what Kubeflow's own messages hold, and say what was asked for."""

import re

import msgspec
import pytest
from google.protobuf import json_format

from pipeline.kubeflow.api.client import version_of
from pipeline.kubeflow.compile import spec
from pipeline.kubeflow.package import Package, Parameter
from pipeline.settings.kubeflow import (
    Accelerator,
    KubeflowSettings,
    Resources,
    Secret,
    SecurityContext,
    Toleration,
    Volume,
)
from tests.pipeline.kubeflow import messages

PARAMETERS = (
    Parameter("data", "STRING", None, "Where."),
    Parameter("steps", "NUMBER_INTEGER", 3, "How many."),
)


def task(name="trainer", parameters=("steps",), after=(), **resources):
    wanted = Resources(**{"image": "registry.example/bitpipe:1", **resources})
    args = (f"--steps={spec.input_of('steps')}", f"--run-id={spec.RUN_ID_ARGUMENT}")
    return spec.Task(name, ("python", "-m", "x"), args, parameters, after, wanted, (("TZ", "UTC"),))


def document(*tasks):
    return spec.pipeline_spec("photos", "What it does.", PARAMETERS, tasks, "bitpipe-1")


def container(**resources):
    return document(task(**resources))["deploymentSpec"]["executors"]["exec-trainer"]["container"]


def kubernetes(settings=None, **resources):
    platform = spec.platform_spec([task(**resources)], settings or KubeflowSettings())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return executors["exec-trainer"]


EVERYTHING = KubeflowSettings(
    image_pull_policy="Always",
    image_pull_secrets=("registry",),
    volumes=(Volume(claim="store", path="/store"),),
    secrets=(Secret(name="s3", env={"id": "AWS_ID"}), Secret(name="ca", path="/ca")),
)
WISHES = {
    "accelerator": Accelerator(type="nvidia.com/gpu", count=2),
    "cpu": "2",
    "memory": "1Gi",
    "node_selector": {"b": "2", "a": "1"},
    "retries": 2,
    "timeout": 60,
    "tolerations": (
        Toleration(key="google.com/tpu"),
        Toleration(key="k", operator="Equal", value="v"),
    ),
}


@pytest.mark.parametrize("release", messages.RELEASES)
@pytest.mark.parametrize("security", [None, SecurityContext(run_as_user=1, run_as_group=1)])
def test_every_release_from_the_minimum_on_takes_every_field(release, security):
    settings = msgspec.structs.replace(EVERYTHING, security_context=security)
    tasks = task(name="a"), task(after=("a",), **WISHES)
    platform = spec.platform_spec(tasks, settings)
    if version_of(release) < version_of(spec.minimum_backend(settings)):
        with pytest.raises(json_format.ParseError, match="securityContext"):
            messages.check_pipeline(release, document(*tasks), platform)
    else:
        messages.check_pipeline(release, document(*tasks), platform)


def test_releases_from_the_minimum_to_what_is_newest_here_are_asked():
    assert messages.RELEASES[0] == spec.MINIMUM_BACKEND
    assert "2.14.4" in messages.RELEASES


@pytest.mark.parametrize(
    "change",
    [
        {"secretAsEnv": [{"optional": False}]},
        {"nodeSelector": {"label": {}}},
        {"pvcMount": [{"constant": "a", "componentInputParameter": "b"}]},
        {"activeDeadlineSeconds": "soon"},
    ],
)
def test_a_release_refuses_what_it_does_not_know(change):
    platform = spec.platform_spec([task()], KubeflowSettings())
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-trainer"] |= change
    with pytest.raises(json_format.ParseError):
        messages.check_pipeline("2.14.4", document(task()), platform)


def test_the_newest_release_knows_every_field_of_the_deployment_too():
    deployment = document(task(**WISHES))["deploymentSpec"]
    parsed = messages.parse(
        messages.RELEASES[-1], "ml_pipelines.PipelineDeploymentConfig", deployment
    )
    assert parsed.executors["exec-trainer"].container.resources.cpu_limit == 2.0


def test_the_table_says_of_the_installed_messages_what_they_say():
    pb2 = pytest.importorskip("kfp.pipeline_spec.pipeline_spec_pb2")
    tasks = task(name="a"), task(after=("a",), **WISHES)
    theirs = json_format.ParseDict(document(*tasks), pb2.PipelineSpec())
    ours = messages.parse("2.5.0", "ml_pipelines.PipelineSpec", document(*tasks))
    assert json_format.MessageToDict(ours) == json_format.MessageToDict(theirs)
    assert theirs.root.dag.tasks["trainer"].retry_policy.max_retry_count == 2


def test_a_stage_of_many_hours_is_tried_again():
    policy = document(task(retries=2))["root"]["dag"]["tasks"]["trainer"]["retryPolicy"]
    seconds = int(re.fullmatch(r"(\d+)s", policy["backoffMaxDuration"])[1])
    # Argo counts from the first attempt on, and makes what is left a pod's deadline: 31 bits.
    assert 365 * 24 * 3600 < seconds < 2**31


def test_a_namespace_that_enforces_restricted_pods_is_told_whom_to_run_as():
    assert "securityContext" not in kubernetes()
    said = kubernetes(KubeflowSettings(security_context=SecurityContext()))
    assert said["securityContext"] == {"runAsNonRoot": True}
    chosen = SecurityContext(run_as_user=65532, run_as_group=0)
    said = kubernetes(KubeflowSettings(security_context=chosen))
    assert said["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": "65532",
        "runAsGroup": "0",
    }


def test_the_run_id_is_an_input_because_kubeflow_replaces_it_nowhere_else():
    inputs = document(task())["root"]["dag"]["tasks"]["trainer"]["inputs"]["parameters"]
    assert inputs["run_id"] == {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}
    assert inputs["steps"] == {"componentInputParameter": "steps"}
    assert container()["args"][1] == "--run-id={{$.inputs.parameters['run_id']}}"


def test_a_parameter_without_default_is_required():
    definitions = document(task())["root"]["inputDefinitions"]["parameters"]
    assert definitions["data"] == {"description": "Where.", "parameterType": "STRING"}
    assert definitions["steps"]["defaultValue"] == 3
    assert definitions["steps"]["isOptional"]


@pytest.mark.parametrize(
    ("memory", "gigabytes"),
    [
        ("4Gi", 4.294967296),
        ("500M", 0.5),
        ("1000000000", 1.0),
        ("2T", 2000.0),
        ("1.5Gi", 1.610612736),
    ],
)
def test_memory_is_spelt_for_old_and_new_backends(memory, gigabytes):
    resources = container(memory=memory)["resources"]
    assert resources["resourceMemoryLimit"] == resources["resourceMemoryRequest"] == memory
    assert resources["memoryLimit"] == pytest.approx(gigabytes)


@pytest.mark.parametrize(("cpu", "cores"), [("2", 2.0), ("500m", 0.5), (1.5, 1.5), (3, 3.0)])
def test_processors_are_spelt_for_old_and_new_backends(cpu, cores):
    resources = container(cpu=cpu)["resources"]
    assert resources["resourceCpuLimit"] == str(cpu)
    assert resources["cpuLimit"] == resources["cpuRequest"] == cores


def test_an_accelerator_is_the_name_of_kubernetes_resource():
    chosen = container(accelerator=Accelerator(type="google.com/tpu", count=4))
    assert chosen["resources"]["accelerator"] == {
        "count": "4",
        "resourceCount": "4",
        "resourceType": "google.com/tpu",
        "type": "google.com/tpu",
    }


def test_nothing_asked_for_is_nothing_said():
    assert "resources" not in container()
    assert "retryPolicy" not in document(task())["root"]["dag"]["tasks"]["trainer"]
    assert kubernetes().keys() == {"fieldPathAsEnv"}


def test_kubernetes_is_told_of_nodes_volumes_and_secrets():
    said = kubernetes(EVERYTHING, **WISHES)
    assert said["activeDeadlineSeconds"] == "60"
    assert list(said["nodeSelector"]["labels"]) == ["a", "b"]
    assert said["pvcMount"][0]["constant"] == "store"
    assert said["secretAsEnv"][0]["keyToEnv"] == [{"envVar": "AWS_ID", "secretKey": "id"}]
    assert [entry["secretName"] for entry in said["secretAsVolume"]] == ["ca"]
    assert said["imagePullSecret"][0]["secretName"] == "registry"
    assert said["tolerations"] == [
        {"key": "google.com/tpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"},
    ]


def test_the_yaml_has_a_second_document_only_where_there_is_something_to_say():
    package = Package("photos", document(task()), {}, PARAMETERS, {})
    assert "\n---\n" not in package.to_yaml()
    both = Package("photos", document(task()), {"platforms": {}}, PARAMETERS, {})
    assert both.to_yaml().count("\n---\n") == 1
