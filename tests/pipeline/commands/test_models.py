"""`bitpipe models` on folders of versions that no framework has written."""

import errno
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from bitpipe.model import description, evaluation, origin, release
from bitpipe.model.registry import Registry, decision
from bitpipe.stores.local import LocalStore

OLD, NEW = 1795529381, 1795665443


def write(folder, version, accuracy, classes, data):
    """A version as the Pusher leaves it, without a graph."""
    path = folder / str(version)
    (path / "assets.extra").mkdir(parents=True)
    (path / "saved_model.pb").touch()
    described = description.Description(variant="R26x1", size=128, labels=classes, variables=())
    (path / description.PLACE).write_text(described.to_json())
    (path / evaluation.FILE).write_text(evaluation.Evaluation(accuracy, 200).encode())
    told = origin.Origin(
        digest=f"{version:064x}",
        backbone="bit-m-r50x1",
        code="dc75b55a14e759c9",
        bitpipe="0.1.0",
        run="2026-11-26T04:07:41",
        data=data,
        splits={"train": 800, "eval": 200},
        classes={name: {"train": 400, "eval": 100} for name in classes},
        verdict={"blessed": True, "objections": [], "notes": ["a class is new: 'wasp'"]},
    )
    (path / origin.FILE).write_text(told.to_json())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "serving" / "insects"
    write(folder, OLD, 0.95, ("ant", "bee"), "a" * 64)
    write(folder, NEW, 0.85, ("bee", "wasp"), "b" * 64)
    return folder


@pytest.fixture(params=["disk", "bucket"])
def anywhere(request, folder, bucket):
    return str(folder) if request.param == "disk" else bucket(folder)


@pytest.fixture
def models(folder):
    def run(*words, place=None, code=0):
        from pipeline.cli import cli

        command = ["models", *map(str, words), "--models", str(place or folder.parent)]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_the_list_tells_each_version_with_what_it_was_made_of(models):
    head, old, new = (
        line for line in models("list").splitlines() if line.startswith(("version", "17"))
    )
    assert head.split()[:4] == ["version", "pushed", "accuracy", "95%"]
    old, new = sorted((old, new))
    assert new.startswith(str(NEW))
    assert new.split()[1:3] == ["in", "service"]  # left, for narrow terminals
    for part in ("0.9500", "0.9104 to 0.9726", "200", "1000", "aaaaaaaaaa", "bit-m-r50x1"):
        assert part in old


def test_everything_can_be_had_as_json_in_any_store(models, anywhere):
    place = ("--name", "insects")
    new, old = json.loads(models("list", *place, "--json", place=anywhere))
    assert (new["version"], new["in_service"], old["in_service"]) == (NEW, True, False)
    assert old["accuracy_interval"] == pytest.approx([0.9104, 0.9726], abs=1e-4)
    assert new["class_names"] == ["bee", "wasp"]
    assert new["classes"]["wasp"] == {"train": 400, "eval": 100}
    assert new["verdict"]["blessed"]
    shown = json.loads(models("show", OLD, *place, "--json", place=anywhere))
    assert {**old, "history": []} == shown


def test_a_rollback_in_any_store_is_remembered_with_who_when_and_why(models, anywhere):
    place = ("--name", "insects")
    before = int(time.time())
    said = models("rollback", *place, "--why", "sees ghosts", "--by", "ann", place=anywhere)
    assert f"rolled back from version {NEW} to {OLD} by ann: sees ghosts" in said
    assert f"in service: version {OLD} of insects" in said
    decided = release.read(anywhere)
    assert decided.stable == OLD
    assert decided.withdrawn[NEW].digest == f"{NEW:064x}"
    assert before <= decided.history[0].at <= time.time()
    new, old = json.loads(models("list", *place, "--json", place=anywhere))
    assert old["in_service"]
    assert new["withdrawn"]["why"] == "sees ghosts"
    assert "sees ghosts" in models("show", NEW, *place, place=anywhere)


def test_a_canary_is_tried_promoted_and_taken_back(models, folder):
    assert "rolled back" in models("rollback")
    said = models("promote", "--to", "canary")
    assert f"on trial: version {NEW}" in said
    assert "have all others name the label stable" in said
    config = (folder / release.MODEL_CONFIG).read_text()
    assert f'version_labels {{ key: "canary" value: {NEW} }}' in config
    assert "canary" in models("list")
    said = models("rollback", "--canary", "--why", "too\nslow")
    assert f"version {NEW}, the canary, was taken back by" in said
    assert ": too slow\n" in said
    assert release.read(str(folder)).labels() == {"stable": OLD}
    done = json.loads(models("promote", NEW, "--json"))
    assert done["in_service"] == NEW
    assert "canary" not in (folder / release.MODEL_CONFIG).read_text()


def test_a_pin_is_shown_and_taken_away(models):
    models("pin", OLD)
    assert "pinned" in models("list")
    models("pin", OLD, "--remove")
    assert "pinned" not in models("list")


def test_a_comparison_tells_whether_the_difference_is_more_than_chance(models):
    said = models("compare", OLD, NEW)
    assert "accuracy -0.1000" in said
    assert "more than chance" in said
    assert "classes new: wasp" in said
    assert "classes gone: ant" in said
    found = json.loads(models("compare", OLD, OLD, "--json"))
    assert (found["clear"], found["same_data"]) == (False, True)


def test_a_version_of_another_tool_is_listed_with_what_is_known(models, folder):
    (folder / "7").mkdir()
    (folder / "7" / "saved_model.pb").touch()
    (folder / "8" / "assets.extra").mkdir(parents=True)
    (folder / "8" / "saved_model.pb").touch()
    (folder / "8" / description.PLACE).write_text("{}")
    (folder / "8" / origin.FILE).write_text('{"classes": 3, "splits": [], "digest": 4}')
    rows = [line.split() for line in models("list").splitlines()]
    assert ["7", *"-" * 9] in rows
    assert ["8", *"-" * 9] in rows
    models("show", 8)
    assert "accuracy" in models("compare", 8, OLD)


def test_a_verdict_is_told_in_the_gate_s_words_and_not_without_end(models, folder):
    checks = [{"rule": "gate.x", "sentence": f"rule {n} is kept"} for n in range(30)]
    told = origin.Origin(verdict={"blessed": True, "checks": checks})
    (folder / str(NEW) / origin.FILE).write_text(told.to_json())
    said = models("show", NEW)
    assert "verdict   blessed; rule 0 is kept; rule 1 is kept" in said
    assert "and 18 more (--json)" in said
    assert len(json.loads(models("show", NEW, "--json"))["verdict"]["checks"]) == 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", 3), "There is no version 3. There are 1795529381, 1795665443."),
        (("promote", OLD), "bitpipe models rollback --to 1795529381"),
        (("rollback", "--to", NEW), "in service already"),
        (("rollback", "--canary"), "There is no canary"),
        (("rollback", "--canary", "--to", OLD), "not both"),
        (("pin", OLD, "--remove"), "not pinned already"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(models, folder, words, message):
    assert message in models(*words, code=2)
    assert not (folder / release.FILE).exists()


def test_a_folder_without_models_is_told(models, tmp_path):
    assert "does not exist" in models("list", place=tmp_path / "nothing", code=2)


def test_a_version_in_service_that_is_gone_is_told(models, folder):
    release.write(str(folder), release.Release(stable=9))
    assert "Version 9, which shall be in service, is gone" in models("list")


def test_what_cannot_be_read_or_written_is_told_in_a_sentence(models, folder, monkeypatch):
    (folder / release.FILE).mkdir()
    assert "release.json, which says which version is in service, cannot be read" in models(
        "list", code=2
    )
    (folder / release.FILE).rmdir()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalStore, "write", full)
    said = models("rollback", code=2)
    assert "cannot be written" in said
    assert "No space left on device" in said


def test_decisions_that_are_made_at_the_same_moment_are_all_kept(folder):
    versions = range(1, 13)
    for version in versions:
        (folder / str(version)).mkdir()
        (folder / str(version) / "saved_model.pb").touch()

    def pin(version):
        Registry(str(folder)).pin(version, True, decision(""))

    with ThreadPoolExecutor(len(versions)) as threads:
        list(threads.map(pin, versions))
    assert release.read(str(folder)).pinned == tuple(versions)


def test_versions_are_listed_without_a_framework(folder):
    """Which is what lets the answer come in less than a second."""
    code = (
        "import sys; from pipeline.cli import cli; cli(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'tensorflow', 'tfx', 'numpy', 'apache_beam', 'grpc'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "models", "list", "--models", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
