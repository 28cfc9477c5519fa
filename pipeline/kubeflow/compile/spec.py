"""Kubeflow's PipelineSpec (schema 2.1.0) and platform spec, as plain dictionaries.

Written out rather than through the SDK: the one that shares an environment with TFX 1.16 knows
neither tolerations nor field paths. Old and new spellings of a resource stand side by side, as the
SDK writes them, so that backends from 2.5 on understand one.

Sources: api/v2alpha1/pipeline_spec.proto and
kubernetes_platform/proto/kubernetes_executor_config.proto of kubeflow/pipelines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipeline.kubeflow.package import Parameter
from pipeline.settings.kubeflow import KubeflowSettings, Resources, SecurityContext

# Kubeflow's driver replaces it when it is the whole value of a task's input, and nowhere else.
RUN_ID = "{{$.pipeline_job_uuid}}"
# From this backend on (older ones leave the placeholder as it is).
MINIMUM_BACKEND = "2.5.0"
# The first that knows `securityContext`.
_SECURITY_CONTEXT_BACKEND = "2.16.0"
SCHEMA_VERSION = "2.1.0"
SUMMARY, REPORT = "summary", "report"

_RUN_ID_INPUT = "run_id"
# Argo counts it from the first attempt's start and ends a retry at its end, so it must outlast all
# attempts of the longest stage: ten years. (Without it newer backends write 0, which is no retry at
# all; Kubernetes' deadline of a pod, into which Argo turns what is left of it, ends at 68 years.)
_ALL_ATTEMPTS = f"{10 * 365 * 24 * 3600}s"
_MEMORY_BYTES = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P"), start=1)},
    **{unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)},
}


@dataclasses.dataclass(frozen=True)
class Task:
    """One container of the pipeline.

    Attributes:
        name: lower case with hyphens.
        command: program and first arguments.
        args: may hold `input_of(...)`, `SUMMARY_ARGUMENT` and `REPORT_ARGUMENT`.
        parameters: names of the run's parameters that the arguments use.
        after: names of the tasks that must have succeeded.
        resources: what it asks for; `image` is set.
        env: variables and their values.
        reports: whether it writes a page to `REPORT_ARGUMENT`.
    """

    name: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    parameters: tuple[str, ...]
    after: tuple[str, ...]
    resources: Resources
    env: tuple[tuple[str, str], ...] = ()
    reports: bool = False


def input_of(name: str) -> str:
    """What stands for a parameter in a task's arguments."""
    return f"{{{{$.inputs.parameters['{name}']}}}}"


RUN_ID_ARGUMENT = input_of(_RUN_ID_INPUT)
# A file that Kubeflow's page shows for the task.
SUMMARY_ARGUMENT = f"{{{{$.outputs.artifacts['{SUMMARY}'].path}}}}"
REPORT_ARGUMENT = f"{{{{$.outputs.artifacts['{REPORT}'].path}}}}"


def pipeline_spec(
    name: str, description: str, parameters: Sequence[Parameter], tasks: Sequence[Task], sdk: str
) -> dict[str, Any]:
    """The first document; equal arguments give equal dictionaries in equal order."""
    by_name = {parameter.name: parameter for parameter in parameters}
    return {
        "components": {f"comp-{task.name}": _component(task, by_name) for task in tasks},
        "deploymentSpec": {
            "executors": {f"exec-{task.name}": {"container": _container(task)} for task in tasks}
        },
        "pipelineInfo": {"description": description, "name": name},
        "root": {
            "dag": {"tasks": {task.name: _task(task) for task in tasks}},
            "inputDefinitions": {"parameters": {p.name: _definition(p) for p in parameters}},
        },
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": sdk,
    }


def platform_spec(tasks: Sequence[Task], settings: KubeflowSettings) -> dict[str, Any]:
    """The second document: what Kubernetes is told beside the containers."""
    executors = {f"exec-{task.name}": _platform(task.resources, settings) for task in tasks}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def minimum_backend(settings: KubeflowSettings) -> str:
    """The oldest backend that knows everything that these settings make the pipeline say."""
    return MINIMUM_BACKEND if settings.security_context is None else _SECURITY_CONTEXT_BACKEND


def _definition(parameter: Parameter) -> dict[str, Any]:
    default = {} if parameter.default is None else {"defaultValue": parameter.default}
    return {
        **default,
        "description": parameter.description,
        **({"isOptional": True} if default else {}),
        "parameterType": parameter.type,
    }


def _component(task: Task, parameters: dict[str, Parameter]) -> dict[str, Any]:
    inputs = {name: {"parameterType": parameters[name].type} for name in task.parameters}
    inputs[_RUN_ID_INPUT] = {"parameterType": "STRING"}
    written = {SUMMARY: _artifact("Markdown")}
    if task.reports:
        written[REPORT] = _artifact("HTML")
    return {
        "executorLabel": f"exec-{task.name}",
        "inputDefinitions": {"parameters": inputs},
        "outputDefinitions": {"artifacts": written},
    }


def _artifact(kind: str) -> dict[str, Any]:
    """One that Kubeflow's page shows."""
    return {"artifactType": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}}


def _task(task: Task) -> dict[str, Any]:
    inputs: dict[str, Any] = {name: {"componentInputParameter": name} for name in task.parameters}
    inputs[_RUN_ID_INPUT] = {"runtimeValue": {"constant": RUN_ID}}
    spec: dict[str, Any] = {
        # Empty is off: Kubeflow's key holds arguments, not data, so new pictures would go unseen.
        "cachingOptions": {},
        "componentRef": {"name": f"comp-{task.name}"},
    }
    if task.after:
        spec["dependentTasks"] = sorted(task.after)
    spec["inputs"] = {"parameters": inputs}
    if task.resources.retries:
        spec["retryPolicy"] = {
            "backoffDuration": "0s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": _ALL_ATTEMPTS,
            "maxRetryCount": task.resources.retries,
        }
    spec["taskInfo"] = {"name": task.name}
    return spec


def _container(task: Task) -> dict[str, Any]:
    container: dict[str, Any] = {
        "args": list(task.args),
        "command": list(task.command),
        "image": task.resources.image,
    }
    if task.env:
        container["env"] = [{"name": name, "value": value} for name, value in sorted(task.env)]
    resources = _resources(task.resources)
    if resources:
        container["resources"] = resources
    return container


def _resources(wanted: Resources) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if wanted.accelerator is not None:
        count = str(wanted.accelerator.count)
        spec["accelerator"] = {
            "count": count,
            "resourceCount": count,
            "resourceType": wanted.accelerator.type,
            "type": wanted.accelerator.type,
        }
    # Request and limit are equal: a stage that is squeezed halfway through the night helps nobody.
    if wanted.cpu is not None:
        cpu = str(wanted.cpu)
        cores = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
        spec |= {"cpuLimit": cores, "cpuRequest": cores}
        spec |= {"resourceCpuLimit": cpu, "resourceCpuRequest": cpu}
    if wanted.memory is not None:
        memory = str(wanted.memory)
        number = memory.rstrip("kMGTPi")
        gigabytes = float(number) * _MEMORY_BYTES[memory[len(number) :]] / 1e9
        spec |= {"memoryLimit": gigabytes, "memoryRequest": gigabytes}
        spec |= {"resourceMemoryLimit": memory, "resourceMemoryRequest": memory}
    return spec


def _platform(wanted: Resources, settings: KubeflowSettings) -> dict[str, Any]:
    # The namespace of a task is in no other variable.
    spec: dict[str, Any] = {
        "fieldPathAsEnv": [{"fieldPath": "metadata.namespace", "name": "KFP_NAMESPACE"}]
    }
    if wanted.timeout is not None:
        spec["activeDeadlineSeconds"] = str(wanted.timeout)
    if settings.image_pull_policy:
        spec["imagePullPolicy"] = settings.image_pull_policy
    if settings.image_pull_secrets:
        spec["imagePullSecret"] = [_secret(name) for name in settings.image_pull_secrets]
    if wanted.node_selector:
        spec["nodeSelector"] = {"labels": dict(sorted(wanted.node_selector.items()))}
    if settings.volumes:
        spec["pvcMount"] = [
            {
                "constant": volume.claim,
                "mountPath": volume.path,
                "pvcNameParameter": {"runtimeValue": {"constant": volume.claim}},
            }
            for volume in settings.volumes
        ]
    as_env = [secret for secret in settings.secrets if secret.env]
    if as_env:
        spec["secretAsEnv"] = [
            {
                "keyToEnv": [
                    {"envVar": variable, "secretKey": key}
                    for key, variable in sorted(secret.env.items())
                ],
                # No `optional`, which backends before 2.15 refuse: without it a secret must exist.
                **_secret(secret.name),
            }
            for secret in as_env
        ]
    as_files = [secret for secret in settings.secrets if secret.path]
    if as_files:
        spec["secretAsVolume"] = [
            {"mountPath": secret.path, "optional": False, **_secret(secret.name)}
            for secret in as_files
        ]
    if settings.security_context is not None:
        spec["securityContext"] = _security_context(settings.security_context)
    if wanted.tolerations:
        spec["tolerations"] = [
            {
                name: value
                for name in ("key", "operator", "value", "effect")
                if (value := getattr(toleration, name))
            }
            for toleration in wanted.tolerations
        ]
    return spec


def _security_context(wanted: SecurityContext) -> dict[str, Any]:
    spec: dict[str, Any] = {"runAsNonRoot": wanted.run_as_non_root}
    if wanted.run_as_user is not None:
        spec["runAsUser"] = str(wanted.run_as_user)
    if wanted.run_as_group is not None:
        spec["runAsGroup"] = str(wanted.run_as_group)
    return spec


def _secret(name: str) -> dict[str, Any]:
    return {
        "secretName": name,
        "secretNameParameter": {"runtimeValue": {"constant": name}},
    }
