"""What a newcomer relies on: locks, packaging, and the folder that must not be a package."""

import re
import runpy
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import check_locks

ROOT = Path(__file__).resolve().parent.parent
LANES = ("stable", "current")
LOCKED_EXTRAS = ("train", "serve", "batch", "kubeflow", "dev")


def packaging_arguments(monkeypatch) -> dict:
    """What setup.py gives to `setup`, which is not run."""
    given: dict = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    return given


def pins(lane: str) -> dict[str, set[str]]:
    """Canonical name -> the versions a lock pins; several where they depend on the interpreter."""
    found: dict[str, set[str]] = {}
    lock = (ROOT / "requirements" / f"{lane}.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def direct_requirements(monkeypatch) -> list[Requirement]:
    """Those of what `make` installs."""
    arguments = packaging_arguments(monkeypatch)
    extras = arguments["extras_require"]
    lines = [line for name in LOCKED_EXTRAS for line in extras[name]]
    return [Requirement(line) for line in [*arguments["install_requires"], *lines]]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_lock_files_hold_names_versions_and_hashes_only(path):
    assert check_locks.faults(path.read_text()) == []


@pytest.mark.parametrize("lane", LANES)
def test_every_direct_requirement_is_pinned_within_its_range(lane, monkeypatch):
    pinned = pins(lane)
    outside = [
        f"{requirement}: {versions or 'not pinned'}"
        for requirement in direct_requirements(monkeypatch)
        if not (versions := pinned.get(canonicalize_name(requirement.name), set()))
        or not all(requirement.specifier.contains(version) for version in versions)
    ]
    assert outside == []


@pytest.mark.parametrize("lane", LANES)
def test_locks_keep_what_tfx_needs_against_its_own_metadata(lane):
    pinned = pins(lane)
    assert pinned["tensorflow-hub"] == {"0.16.1"}
    assert pinned["dill"] == {"0.3.1.1"}
    assert all(int(version.split(".")[0]) < 81 for version in pinned["setuptools"])


@pytest.mark.parametrize(("gpu", "lane"), [("stable-gpu", "stable"), ("image-gpu", "current")])
def test_the_lock_for_gpus_adds_cuda_and_changes_nothing(gpu, lane):
    for_gpus, of_lane = pins(gpu), pins(lane)
    added = for_gpus.keys() - of_lane.keys()
    assert {"nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= added
    assert {name for name in added if not name.startswith("nvidia-")} == set()
    assert {name: for_gpus[name] for name in for_gpus.keys() - added} == {
        name: of_lane[name] for name in for_gpus.keys() - added
    }


def test_kubernetes_folder_is_not_a_package():
    # As one, it would shadow the Kubernetes client that TFX imports.
    assert list((ROOT / "kubernetes").rglob("*.py")) == []


def test_license_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
