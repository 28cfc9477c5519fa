import fcntl
import importlib
import os
from collections import Counter
from pathlib import Path

import pytest

from components.image_example_gen import room, workers
from components.image_example_gen.listing import ListedPicture


@pytest.fixture
def writing(monkeypatch):
    """What processes do, as a module that others find, too: frameworks bring a `tests` as well."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("shard_writing")


@pytest.fixture
def run(tmp_path, monkeypatch, writing):
    """Lets processes write twelve shards; who wrote which, as often as it was written."""
    monkeypatch.setattr(workers, "_WORTHWHILE_S", 0.001)
    monkeypatch.setattr(workers, "worthwhile", lambda _, number: number)

    def run(number, **how):
        write = writing.writing(tmp_path, **how)
        workers.run(writing.shards(12), write, workers=number, on_files=lambda _: None)
        return [tuple(map(int, path.name.split(" by "))) for path in tmp_path.glob("* by *")]

    return run


def test_two_processes_share_the_shards_and_leave_nobody_behind(run):
    found = run(2, lost=0)

    assert Counter(index for index, _ in found) == dict.fromkeys(range(12), 1)
    pids = {pid for _, pid in found}
    assert len(pids) == 2
    for pid in pids - {os.getpid()}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_shards_of_killed_processes_are_written_by_the_others(run):
    found = run(3, lost=2)

    assert Counter(index for index, _ in found) == dict.fromkeys(range(12), 1)
    assert {pid for _, pid in found} == {os.getpid()}


def test_what_fails_in_another_process_fails_here(run):
    with pytest.raises(OSError, match="No space left on device") as error:
        run(2, lost=0, broken=True)
    assert error.value.errno == 28


@pytest.mark.parametrize(("every_s", "told"), [(3600, [10, 10]), (-1, [1] * 20)])
def test_all_pictures_are_told_but_not_too_often(monkeypatch, writing, every_s, told):
    def write(shard, *, threads, on_file):
        for _ in range(10):
            on_file()

    heard = []
    monkeypatch.setattr(workers, "_TOLD_EVERY_S", every_s)
    workers.run(writing.shards(2), write, workers=1, on_files=heard.append)

    assert [count for count in heard if count] == told


def test_a_process_is_started_only_where_there_is_enough_to_do(writing):
    def needed(files, size, cores, kept=0):
        picture = ListedPicture("a", "a", None, size, 0, "class_folders")
        parts = writing.shards(max(1, files // 512))
        for part in parts:
            part.pictures = (picture,) * (files // len(parts))
            part.kept = dict.fromkeys(range(kept))
        return workers.worthwhile(parts, cores)

    assert needed(1_777, 500, 16) == 1  # the demo's
    assert needed(60_000, 2_000, 1) == 1
    assert needed(60_000, 2_000, 2) == 2
    assert needed(60_000, 2_000, 16) == 4
    assert needed(100_000, 200_000, 16) == 16
    assert needed(100_000, 200_000, 16, kept=520) == 1  # nothing new


def test_large_pictures_take_turns_with_other_processes(tmp_path):
    (tmp_path / "turn").touch()
    inside = []
    with room.sharing(str(tmp_path / "turn")):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:  # holds the turn until it is killed
            with room.turn(wanted=True):
                os.write(writer, b"x")
                os.read(os.pipe()[0], 1)
        os.read(reader, 1)
        with room.turn(wanted=False):
            inside.append("small")
        with (tmp_path / "turn").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(child, 9)
        os.waitpid(child, 0)
        with room.turn(wanted=True):
            inside.append("large")
    with room.turn(wanted=True):  # nothing is shared any more
        inside.append("alone")
    assert inside == ["small", "large", "alone"]
