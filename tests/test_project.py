"""What a newcomer relies on: locks, packaging, and the folder that must not be a package."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import check_locks

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "components", "serving")
LANES = ("stable", "current")


def assigned_in_setup(name: str):
    """The literal that setup.py assigns to `name`, read without running setup()."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py assigns no {name}")


def pins(lane: str) -> dict[str, set[str]]:
    """Canonical name -> the versions a lock pins; several where they depend on the interpreter."""
    found: dict[str, set[str]] = {}
    lock = (ROOT / "requirements" / f"{lane}.txt").read_text()
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def direct_requirements() -> list[Requirement]:
    extras = assigned_in_setup("EXTRAS_REQUIRE")
    lines = [*assigned_in_setup("INSTALL_REQUIRES"), *extras["kubeflow"], *extras["dev"]]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_lock_files_hold_names_versions_and_hashes_only(path):
    assert check_locks.faults(path.read_text()) == []


@pytest.mark.parametrize("lane", LANES)
def test_every_direct_requirement_is_pinned_within_its_range(lane):
    pinned = pins(lane)
    outside = [
        f"{requirement}: {versions or 'not pinned'}"
        for requirement in direct_requirements()
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


def test_kubernetes_folder_is_not_a_package():
    # As one, it would shadow the Kubernetes client that TFX imports.
    assert list((ROOT / "kubernetes").rglob("*.py")) == []


def test_license_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_wheel_holds_the_three_packages_and_their_data_only(tmp_path):
    source = tmp_path / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for decoy in ("tests/__init__.py", "kubernetes/pod.yaml", "kubernetes/x.py", "tools/x.py"):
        (source / decoy).parent.mkdir(exist_ok=True)
        (source / decoy).touch()
    (source / "pipeline/configs").mkdir(exist_ok=True)
    (source / "pipeline/configs/one.yaml").touch()

    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True
    )
    [wheel] = tmp_path.glob("bitpipe-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry_points = archive.read(
            next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        ).decode()

    code = {p.relative_to(source).as_posix() for n in PACKAGES for p in (source / n).rglob("*.py")}
    data = {
        path.relative_to(source).as_posix()
        for pattern in ("pipeline/configs/*.yaml", "serving/server/web/*")
        for path in source.glob(pattern)
    }
    assert shipped == code | data | {"components/bit/imagenet_classes.txt"}
    assert "bitpipe = pipeline.cli:main" in entry_points
