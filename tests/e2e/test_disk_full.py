"""A disk that is full ends a run with one sentence, wherever it is met; with room, it goes on.

`make test-disk-full`: small disks in memory, mounted where a run writes, which only root may do.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest

from bitpipe.model import release
from bitpipe.model.registry import Registry, decision
from pipeline import workspace
from tests.e2e.forked import ALIKE, STAGES, Runs

pytestmark = [
    pytest.mark.disk_full,
    pytest.mark.e2e,
    pytest.mark.tfx,
    pytest.mark.skipif(
        not os.environ.get("DISK_FULL"), reason="takes minutes; `make test-disk-full` runs it"
    ),
]

ROOM = "500m"
AGAIN = "run the same command again"
PAGE = 4096
FILLER = ".filler"


@contextlib.contextmanager
def disk(place, size=ROOM):
    """A small disk of its own at a folder."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place, leaving=0):
    """Takes all room but so many bytes."""
    facts = os.statvfs(place)
    taken = facts.f_bavail * facts.f_frsize - leaving
    with (place / FILLER).open("wb") as file:
        if taken > 0:
            os.posix_fallocate(file.fileno(), 0, taken)


def make_room(place):
    (place / FILLER).unlink()


@contextlib.contextmanager
def full(place):
    """Without room within, whatever is there; kept afterwards."""
    kept = place.with_name(f"{place.name}.kept")
    place.mkdir(parents=True, exist_ok=True)
    with disk(place, "64m"):
        fill(place)
        yield place
        make_room(place)
        shutil.copytree(place, kept)
    shutil.copytree(kept, place, dirs_exist_ok=True)
    shutil.rmtree(kept)


def pages(content):
    """The bytes that a file takes of such a disk."""
    return -(-len(content) // PAGE) * PAGE


def newest(path):
    return path.stat().st_mtime_ns


def files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    if not sys.platform.startswith("linux"):
        pytest.skip("small disks are mounted as on Linux")
    made = Runs(tmp_path_factory.mktemp("disk-full"), "out")
    with disk(made.folder / "probe"):  # skips where none can be mounted
        pass
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(runs):
    runs.start("undisturbed")
    assert runs.code() == 0, runs.errors.read_text()
    result = runs.result()
    assert tuple(result["stages"]) == STAGES
    return result


def ends_well(runs, out, *overrides):
    runs.start(out, *overrides)
    assert runs.code() == 0, runs.errors.read_text()
    return runs.result()


def ends_for_want_of_room(runs, out, place, *overrides):
    runs.start(out, *overrides)
    assert_told(runs, runs.code(), place)


def assert_told(runs, code, place):
    shown = runs.errors.read_text()
    sentence = f"Error: there is no room left on the disk of {place}. Make room, and {AGAIN}"
    assert shown.splitlines()[-1].startswith(sentence), shown
    assert "Traceback" not in shown
    assert code == 2
    assert (runs.folder / "output").read_text() == ""


def assert_alike(runs, out, result, undisturbed):
    assert [result[key] for key in ALIKE] == [undisturbed[key] for key in ALIKE]
    assert runs.weights(out) == runs.weights("undisturbed")


def places(stage, out):
    """The folders that a stage writes files to, one after the other."""
    artifacts = out / "artifacts"
    if stage == STAGES[0]:
        yield artifacts  # in which its own is made anew, where there was no run
    elif stage == "Pusher":
        yield out / "serving"
    elif stage != "Resolver":
        if stage == "Trainer":
            yield artifacts / "checkpoints"
        yield artifacts / stage


def test_a_stage_without_room_for_its_output_is_told_and_made_again(runs, undisturbed):
    out = runs.folder / "stages"
    with workspace.opened(out, str(runs.data)):
        pass
    for stage in STAGES:
        for place in places(stage, out):
            with full(place):
                ends_for_want_of_room(runs, "stages", f"--out {out}")
                assert f" {stage} " not in runs.errors.read_text()
                assert not runs.served("stages")
    assert_alike(runs, "stages", ends_well(runs, "stages"), undisturbed)


def test_a_disk_that_fills_up_in_any_stage_is_told_and_the_run_goes_on(runs, undisturbed):
    """ML Metadata's file is on it, too: with little left, a stage begins, with less it does not."""
    out = runs.folder / "out"
    with disk(out):
        for number, stage in enumerate(STAGES):
            leaving = (0, 20, 100, 400)[number % 4] << 10
            process = runs.start("out")
            if runs.wait_for(stage, process):
                os.kill(process, signal.SIGSTOP)
                fill(out, leaving)
                os.kill(process, signal.SIGCONT)
            code = runs.code()
            print(stage, leaving, code)
            if code:
                assert_told(runs, code, f"--out {out}")
                if not leaving:  # nothing has changed, and nothing else is said
                    ends_for_want_of_room(runs, "out", f"--out {out}")
            if (out / FILLER).exists():
                make_room(out)
        assert_alike(runs, "out", ends_well(runs, "out"), undisturbed)


def test_a_full_folder_of_temporary_files_is_not_needed_or_is_named(runs, undisturbed):
    with disk(runs.temporary):
        fill(runs.temporary)
        runs.start("undisturbed", "gate.min_accuracy=0.4")
        code = runs.code()
        print("temporary files", code)
        if code:
            place = f"the temporary files, {runs.temporary} (TMPDIR names another one)"
            assert_told(runs, code, place)


def test_what_only_tells_of_a_run_may_find_no_room(runs, undisturbed):
    out = runs.folder / "undisturbed"
    with full(out / "reports"):
        assert ends_well(runs, "undisturbed")["report"] is None
        assert (
            f"  report: there is no room left on the disk of --out {out}. Make room, and run"
            in (runs.errors.read_text())
        )
    with full(out / "logs"):
        ends_well(runs, "undisturbed")
    assert ends_well(runs, "undisturbed")["report"]


def test_the_model_in_service_stays_whatever_the_next_push_finds_no_room_for(runs, undisturbed):
    [old] = runs.served("undisturbed")
    folder = runs.folder / "undisturbed" / "serving" / "smoke"
    model = files(folder / old)
    # Else no decision would have to be written.
    Registry(str(folder.parent)).promote(int(old), "stable", decision("it is good"))
    another = (f"model.backbone={folder / old}", "train.steps=40", "train.keep_best=true")
    kept = runs.folder / "kept"
    shutil.copytree(folder, kept)
    with disk(folder):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        fill(folder)
        out = f"--out {folder.parents[1]}"
        # Features are a cache: without them the next run takes longer.
        with full(folder.parents[1] / "artifacts" / "features"):
            ends_for_want_of_room(runs, "undisturbed", out, *another)
        assert files(folder / old) == model
        assert runs.served("undisturbed") == {old}
        make_room(folder)
        # Enough for the model, what is told of it and where it comes from; not for what is decided.
        trained = max((folder.parents[1] / "artifacts" / "Trainer" / "model").iterdir(), key=newest)
        fill(folder, leaving=2 * PAGE + sum(map(pages, files(trained / "Format-Serving").values())))
        ends_for_want_of_room(runs, "undisturbed", out, *another)
        assert len(runs.served("undisturbed")) == 2
        assert files(folder / old) == model
        assert release.read(str(folder)).stable == int(old)
        make_room(folder)
        result = ends_well(runs, "undisturbed", *another)
        assert runs.served("undisturbed") == {old, str(result["version"])}
        assert release.read(str(folder)).stable == result["version"]
        assert not list(folder.glob(".*"))
