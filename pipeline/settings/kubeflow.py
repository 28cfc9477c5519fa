"""The `kubeflow` section of a configuration: where the stages run on a cluster, and on what.

Plain msgspec structs, like components.settings: checked without importing any framework.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bitpipe.errors import ConfigError
from components.settings import NonNegativeInt, PositiveFloat, PositiveInt

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
Cpu = Annotated[
    Annotated[str, Meta(pattern=r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$")] | PositiveInt | PositiveFloat,
    Meta(description="cores, such as 2 or 0.5 or 500m"),
]
Memory = Annotated[
    Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")]
    | Annotated[int, Meta(ge=1)],
    Meta(description="bytes, with or without a unit of Kubernetes, such as 8Gi or 500M"),
]
ResourceName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9.-]+/[A-Za-z0-9_.-]+$",
        description="Kubernetes' name of a device, such as nvidia.com/gpu",
    ),
]
EnvName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="a variable's name: letters without accents, digits and '_', no digit first",
    ),
]
AbsolutePath = Annotated[str, Meta(pattern="^/", description="a path that begins with /")]

# Tasks in the order of the graph; configuration keys of `stages`.
STAGES = (
    "image_example_gen",
    "statistics_gen",
    "schema_gen",
    "hyper_rule",
    "example_validator",
    "transform",
    "warm_start",
    "trainer",
    "calibrator",
    "resolver",
    "evaluator",
    "serving_check",
    "infra_validator",
    "pusher",
    "report",  # no stage of TFX's; see pipeline/kubeflow/task/report.py
)
# The pool of stages that name none.
DEFAULT_POOL = "default"


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common options: immutable, and an unknown key is an error rather than a silent no-op."""


class Accelerator(_Settings, frozen=True):
    """A device that a plugin of the cluster hands out."""

    # Kubernetes' resource name: nvidia.com/gpu, google.com/tpu, amd.com/gpu, ...
    type: ResourceName
    count: PositiveInt = 1


class Toleration(_Settings, frozen=True):
    """Lets a pod onto nodes with a taint."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class Resources(_Settings, frozen=True):
    """What a task asks for; `None` and empty leave it to the pool, then to the cluster."""

    cpu: Cpu | None = None
    memory: Memory | None = None
    accelerator: Accelerator | None = None
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    image: str | None = None
    # How often a failed task is tried again in the same run.
    retries: Annotated[int, Meta(ge=0, le=100)] | None = None
    # Seconds after which Kubernetes ends the pod, counted anew for each attempt and only once the
    # pod has a node: one that waits for a node waits for ever.
    timeout: PositiveInt | None = None

    def over(self, base: Resources) -> Resources:
        """These resources, with `base`'s where nothing is said. Node selectors are merged."""
        names = (name for name in Resources.__struct_fields__ if name != "node_selector")
        chosen = {
            name: mine if (mine := getattr(self, name)) not in (None, ()) else getattr(base, name)
            for name in names
        }
        return Resources(**chosen, node_selector={**base.node_selector, **self.node_selector})


class Stage(Resources, frozen=True):
    """One stage's own wishes, on top of its pool's."""

    pool: str = DEFAULT_POOL


class Volume(_Settings, frozen=True):
    """A PersistentVolumeClaim that every task mounts."""

    claim: str
    path: AbsolutePath


class Secret(_Settings, frozen=True):
    """A Secret that every task sees, as variables (key: VARIABLE) or as files below `path`."""

    name: str
    env: dict[str, EnvName] = {}
    path: AbsolutePath | None = None


class SecurityContext(_Settings, frozen=True):
    """As whom every task runs, where the namespace wants to be told."""

    run_as_non_root: bool = True
    # Empty: the image's. Leave them out where the cluster assigns users itself (OpenShift).
    run_as_user: NonNegativeInt | None = None
    run_as_group: NonNegativeInt | None = None


class KubeflowSettings(_Settings, frozen=True):
    """How `bitpipe compile` and what builds on it turn the graph into a pipeline on a cluster."""

    # `kubeflow`: open-source Kubeflow Pipelines 2; `vertex`: TFX's own runner for Vertex AI.
    target: Literal["kubeflow", "vertex"] = "kubeflow"
    # The project's image, as the cluster pulls it.
    image: str = ""
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    image_pull_secrets: tuple[str, ...] = ()
    # Default of the run's parameter `data`; empty makes the parameter required.
    data: str = ""
    # Artifacts of all stages: gs://..., or below a volume's path.
    root: str = ""
    # Parent of the model folders that TensorFlow Serving watches.
    serving: str = ""
    # ML Metadata: grpc://HOST:PORT, grpcs://HOST:PORT?ca=FILE (over TLS),
    # mysql://USER:PASSWORD@HOST/DATABASE or sqlite:PATH; ${NAME} is replaced by the task's
    # environment variable. Empty: the service that Kubeflow installs.
    metadata: str = ""
    # TensorFlow Serving's image with its tag or digest: each candidate must load in a pod of it
    # before it is pushed, in place of the stage `serving_check`. Empty: no such stage.
    infra_validator: Annotated[
        str,
        Meta(
            pattern=r"^$|^[^:@]+(:[0-9]+/[^:@]+)?:[^:@/]+$|^[^@]+@sha256:[0-9a-f]{64}$",
            description="an image with its tag or digest (tensorflow/serving:2.19.0), or empty",
        ),
    ] = ""
    service_account: str = ""
    volumes: tuple[Volume, ...] = ()
    secrets: tuple[Secret, ...] = ()
    env: dict[EnvName, str] = {}
    # For namespaces that enforce Pod Security's `restricted`; needs Kubeflow Pipelines 2.16.
    security_context: SecurityContext | None = None
    pools: dict[str, Resources] = {}
    stages: dict[str, Stage] = {}

    def resources(self, stage: str) -> Resources:
        """What `stage` (a name of STAGES) asks for, its pool's wishes included."""
        own = self.stages.get(stage, Stage())
        return own.over(self.pools.get(own.pool, Resources()))


def check(settings: KubeflowSettings) -> None:
    """Rules that no single value can break.

    Raises:
        ConfigError: a stage or a pool that is not there.
    """
    for name, stage in settings.stages.items():
        if name not in STAGES:
            raise ConfigError(
                f"kubeflow.stages.{name} is no stage; the stages are {', '.join(STAGES)}."
            )
        if stage.pool != DEFAULT_POOL and stage.pool not in settings.pools:
            raise ConfigError(
                f"kubeflow.stages.{name}.pool must be one of kubeflow.pools "
                f"({', '.join(settings.pools) or 'there are none'}). Received: {stage.pool!r}."
            )


def require_places(settings: KubeflowSettings) -> None:
    """Refuses settings that cannot be compiled.

    Raises:
        ConfigError: the image or a place is missing; names all that are.
    """
    needed = {
        "image": "the project's image as the cluster pulls it (see `make image`)",
        "root": "where artifacts go (gs://..., or a path below a volume of kubeflow.volumes)",
        "serving": "the parent of the model folders that TensorFlow Serving watches",
    }
    missing = [name for name in needed if not getattr(settings, name)]
    if missing:
        rules = ", ".join(f"kubeflow.{name} must name {needed[name]}" for name in missing)
        raise ConfigError(
            f"{rules}. Received: nothing for {' and '.join(missing)}. Write a YAML file with a "
            "group `kubeflow:` as in docs/kubeflow.md, and name it with --config."
        )
