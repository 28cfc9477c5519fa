"""The life of versions, with models that load at once: TensorFlow is not needed here."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitpipe.errors import ModelLoadError
from serving.server.failed_loads import FailedLoads
from serving.server.manager import ModelManager, VersionState

AVAILABLE, END = VersionState("AVAILABLE"), VersionState("END")


class Servable:
    def __init__(self, path: Path) -> None:
        text = (path / "saved_model.pb").read_text()
        if text != "good":
            raise ValueError(f"cannot parse {text!r}")
        self.closed = False

    def close(self) -> None:
        assert not self.closed
        self.closed = True


def push(folder: Path, version: int, content: str = "good") -> Path:
    path = folder / str(version)
    path.mkdir(exist_ok=True)
    (path / "saved_model.pb").write_text(content)
    return path


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def manager_of(folder: Path, poll_interval_s: float = 60) -> ModelManager[Servable]:
    return ModelManager(folder, lambda path, _: Servable(path), poll_interval_s=poll_interval_s)


def test_newest_version_is_served_at_start(tmp_path: Path) -> None:
    push(tmp_path, 9)
    push(tmp_path, 10)
    manager = manager_of(tmp_path)
    manager.start()
    assert manager.version == 10
    assert manager.states() == {10: AVAILABLE}
    manager.stop()


def test_older_version_is_served_if_the_newest_is_broken(tmp_path: Path) -> None:
    push(tmp_path, 1)
    push(tmp_path, 2, "bad")
    manager = manager_of(tmp_path)
    manager.start()
    assert manager.states() == {1: AVAILABLE, 2: VersionState("END", 2, "cannot parse 'bad'")}
    manager.stop()


def test_start_fails_with_every_reason_if_nothing_loads(tmp_path: Path) -> None:
    push(tmp_path, 1, "bad")
    push(tmp_path, 2, "worse")
    with pytest.raises(ModelLoadError, match=r"version 2: .*'worse'; version 1: .*'bad'"):
        manager_of(tmp_path).start()


def test_watcher_finds_a_new_version(tmp_path: Path) -> None:
    push(tmp_path, 1)
    manager = manager_of(tmp_path, poll_interval_s=0.01)
    manager.start()
    push(tmp_path, 2)
    wait_until(lambda: manager.version == 2)
    manager.stop()
    assert manager.states() == {1: END, 2: END}


def test_watcher_survives_a_folder_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(tmp_path, 1)
    manager = manager_of(tmp_path, poll_interval_s=0.01)
    manager.start()
    failures = []

    def fail(_: Path) -> None:
        failures.append(1)
        raise OSError("stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr("serving.server.manager.find_versions", fail)
        wait_until(lambda: len(failures) >= 2)
    push(tmp_path, 2)
    wait_until(lambda: manager.version == 2)
    manager.stop()


def test_replaced_version_is_closed_after_its_last_request(tmp_path: Path) -> None:
    push(tmp_path, 1)
    manager = manager_of(tmp_path)
    manager.start()
    with manager.acquire() as (version, first):
        assert version == 1
        with manager.acquire(1):
            push(tmp_path, 2)
            manager.poll()
            assert manager.states() == {1: VersionState("UNLOADING"), 2: AVAILABLE}
            with manager.acquire() as (version, _):
                assert version == 2
        assert not first.closed
    assert first.closed
    assert manager.states() == {1: END, 2: AVAILABLE}
    manager.stop()


def test_idle_version_is_closed_at_once(tmp_path: Path) -> None:
    push(tmp_path, 1)
    manager = manager_of(tmp_path)
    manager.start()
    with manager.acquire() as (_, servable):
        pass
    push(tmp_path, 2)
    manager.poll()
    assert servable.closed
    manager.stop()


def test_version_not_in_service_cannot_be_acquired(tmp_path: Path) -> None:
    push(tmp_path, 1)
    manager = manager_of(tmp_path)
    with pytest.raises(LookupError), manager.acquire():
        pass
    manager.start()
    with pytest.raises(LookupError), manager.acquire(2):
        pass
    manager.stop()
    with pytest.raises(LookupError), manager.acquire(1):
        pass


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def tried(tmp_path: Path) -> Iterator["Tried"]:
    push(tmp_path, 1)
    tried = Tried(tmp_path)
    tried.manager.start()
    yield tried
    tried.manager.stop()


class Tried:
    """A manager that serves version 1, and how often it has tried version 2."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.count = 0
        self.manager = ModelManager(
            folder, self._load, poll_interval_s=60, failed=FailedLoads(self.clock)
        )

    def _load(self, path: Path, version: int) -> Servable:
        self.count += version == 2
        return Servable(path)

    def within(self, seconds: float) -> int:
        """How often it is tried in the seconds that follow, looked at each of them."""
        before = self.count
        for _ in range(round(seconds)):
            self.clock.now_s += 1
            self.manager.poll()
        return self.count - before


def test_a_version_seen_half_copied_is_served_once_it_is_whole(
    tried: Tried, tmp_path: Path
) -> None:
    half = push(tmp_path, 2, "bad")
    tried.manager.poll()
    assert tried.manager.states()[2] == VersionState("END", 2, "cannot parse 'bad'")
    (half / "variables").mkdir()
    (half / "variables" / "index").write_text("later")
    (half / "saved_model.pb").write_text("good")
    tried.within(1)
    assert tried.manager.states() == {1: END, 2: AVAILABLE}


def test_a_version_whose_variables_come_later_is_tried_again(tried: Tried, tmp_path: Path) -> None:
    """Its saved_model.pb stays as it was, and times are copied with the files."""
    half = push(tmp_path, 2, "bad")
    tried.manager.poll()
    assert tried.within(30) == 0
    (half / "variables").mkdir()
    (half / "variables" / "index").write_text("later")
    os.utime(half / "variables" / "index", (1, 1))
    assert tried.within(1) == 1
    assert tried.within(20) == 0


def test_while_files_keep_coming_tries_get_rare(tried: Tried, tmp_path: Path) -> None:
    half = push(tmp_path, 2, "bad")
    tried.manager.poll()

    def copied(seconds: int) -> int:
        tries = 0
        for second in range(seconds):
            (half / f"{tried.clock.now_s}-{second}").write_text("more")
            tries += tried.within(1)
        return tries

    assert copied(31) == 5  # after 1, 2, 4, 8 and 16 s
    assert copied(300) == 10  # every 30 s


def test_a_version_that_does_not_change_is_given_up_after_a_few_minutes(
    tried: Tried, tmp_path: Path
) -> None:
    """The machine may have been at fault."""
    push(tmp_path, 2, "bad")
    tried.manager.poll()
    assert tried.within(59) == 0
    assert tried.within(3600) == 5
    assert tried.manager.version == 1


def test_a_failure_is_forgotten_with_its_folder(tried: Tried, tmp_path: Path) -> None:
    broken = push(tmp_path, 2, "bad")
    tried.manager.poll()
    shutil.rmtree(broken)
    tried.manager.poll()
    assert tried.manager.states() == {1: AVAILABLE}
    push(tmp_path, 2, "bad")
    tried.manager.poll()
    assert tried.count == 2


def test_removing_the_newest_version_rolls_back(tmp_path: Path) -> None:
    push(tmp_path, 1)
    newest = push(tmp_path, 2)
    manager = manager_of(tmp_path)
    manager.start()
    shutil.rmtree(newest)
    manager.poll()
    assert manager.version == 1
    shutil.rmtree(tmp_path / "1")
    manager.poll()
    assert manager.version == 1  # better than nothing
    manager.stop()
