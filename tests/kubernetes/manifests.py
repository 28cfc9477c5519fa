"""What the tests of the manifests share: built overlays, and overlays made up of components."""

import functools
import shutil
from pathlib import Path

import pytest

from tools import check_manifests

ROOT = Path(__file__).resolve().parents[2]
IMAGE_USER = 65532  # of the project's own image, which writes the model store

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl builds the overlays and is not installed"
)


@functools.cache
def built(folder: Path) -> tuple[dict, ...]:
    return tuple(check_manifests.build(folder))


def with_components(tree: Path, into: Path, *components: str) -> Path:
    """A copy of `tree` with one more overlay: its base and these components."""
    shutil.copytree(tree, into / tree.name)
    overlay = into / tree.name / "overlays" / "-".join(components)
    overlay.mkdir()
    listed = "".join(f"  - ../../components/{name}\n" for name in components)
    (overlay / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"namespace: kubeflow\nresources:\n  - ../../base\ncomponents:\n{listed}"
    )
    return overlay


def named(manifests: tuple[dict, ...], kind: str) -> dict[str, dict]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def only(manifests: tuple[dict, ...], kind: str) -> dict:
    [found] = named(manifests, kind).values()
    return found


def pod(manifests: tuple[dict, ...]) -> dict:
    return only(manifests, "Deployment")["spec"]["template"]["spec"]


def server(manifests: tuple[dict, ...]) -> dict:
    [container] = pod(manifests)["containers"]
    return container


def flags(container: dict) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in container["args"])


def model_config(container: dict) -> str:
    """The file that tells the server what to serve."""
    assert flags(container)["model_config_file"] == "$(MODEL_CONFIG)"
    [variable] = [v for v in container["env"] if v["name"] == "MODEL_CONFIG"]
    return variable["value"]


def configs(manifests: tuple[dict, ...]) -> dict[str, str]:
    """The files that the server's pod mounts as its configuration."""
    [volume] = [v for v in pod(manifests)["volumes"] if v["name"] == "config"]
    return named(manifests, "ConfigMap")[volume["configMap"]["name"]]["data"]
