"""A clock that jumps instead of waiting, and stand-ins for the programs that take long to start."""

import asyncio
import dataclasses
import selectors
import types

import psutil
import pytest

from benchmarks.serving import bench, load, processes
from benchmarks.serving.scale import QUICK


class _Jumping(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everybody waits and no time is set")
            self.now += timeout
        return ready


class Clock(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time; `now` may be set forward by who computes."""

    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now

    def stall(self, seconds):
        self._jumping.now += seconds

    def run(self, coroutine):
        return self.run_until_complete(coroutine)


@pytest.fixture
def clock(monkeypatch):
    """`load` sees its time."""
    clock = Clock()
    monkeypatch.setattr(load, "time", types.SimpleNamespace(perf_counter=clock.time))
    yield clock
    clock.close()


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes the source of a module, which the benchmark then starts instead of its own."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setattr(processes, "ROOT", root)
    monkeypatch.setattr(bench, "ROOT", root)

    def write(module, source):
        file = root.joinpath(*module.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
        file.write_text(source)

    yield write
    # None is left unless what should end them is broken; then the suite must not pile them up.
    for child in psutil.Process().children():
        if child.cwd() == str(root):
            child.kill()
            child.wait()


@pytest.fixture
def fake_bench(tmp_path):
    """A Bench of a small scale, with changes, whose servers are for the test to set."""

    def make(**changes):
        return types.SimpleNamespace(
            folder=tmp_path,
            seed=0,
            note=lambda _: None,
            scale=dataclasses.replace(QUICK, **changes),
        )

    return make
