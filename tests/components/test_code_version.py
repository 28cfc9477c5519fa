"""The part of the cache key that sees code."""

import shutil
from pathlib import Path

import pytest

from components import code_version as module
from components.code_version import INGEST, STAGES

TOP = Path(module.__file__).parents[1]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    for package in ("bitpipe", "components", "serving"):
        shutil.copytree(TOP / package, tmp_path / package)
    monkeypatch.setattr(module, "_TOP", tmp_path)
    return tmp_path


def version(places):
    return module.code_version.__wrapped__(*places)


def test_a_copy_elsewhere_has_the_same_version(copy, monkeypatch):
    there = version(STAGES)
    monkeypatch.setattr(module, "_TOP", TOP)
    assert version(STAGES) == there


@pytest.mark.parametrize(
    ("changed", "ingest", "stages"),
    [
        ("components/bit/layers.py", False, True),
        ("components/trainer.py", False, True),
        ("components/features.py", True, True),
        ("components/image_example_gen/images.py", True, True),
        ("bitpipe/pictures/normalise.py", True, True),
        ("serving/server.py", False, False),
    ],
)
def test_a_change_is_seen_by_the_stages_that_use_it(copy, changed, ingest, stages):
    before = version(INGEST), version(STAGES)
    with (copy / changed).open("a") as file:
        file.write("\n# changed\n")
    after = version(INGEST), version(STAGES)
    assert (after[0] != before[0], after[1] != before[1]) == (ingest, stages)


def test_a_renamed_module_changes_the_version(copy):
    before = version(STAGES)
    module = copy / "components" / "training" / "augment.py"
    module.rename(module.with_name("augmented.py"))
    assert version(STAGES) != before


def test_what_the_ingest_imports_of_ours_is_in_its_version():
    allowed = ("components.features", "components.image_example_gen", "bitpipe")
    # Errors and progress are told to people; they do not change what is ingested.
    allowed += ("bitpipe.errors", "components.progress", "bitpipe.errors")
    for path in (TOP / "components" / "image_example_gen").glob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["from"] and words[1].split(".")[0] in ("components", "serving"):
                names = [f"{words[1]}.{name.strip(',')}" for name in words[3:]]
                assert all(name.startswith(allowed) for name in names), f"{path.name}: {line}"
