"""Models are written and processes shared, and nothing is left behind."""

import psutil
import pytest

from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import bench as bench_module
from benchmarks.serving.bench import Bench
from benchmarks.serving.scale import QUICK

PREFIX = "import signal, sys\nprint('serving x on a:1 and http://b:2/', flush=True)\n"
SERVES = PREFIX + "signal.pause()"
ENDS = PREFIX + "sys.exit(4)"
FAILS = "raise SystemExit('no such model')"


@pytest.fixture
def bench(tmp_path, program):
    folder = tmp_path / "run"
    folder.mkdir()
    with Bench(folder, QUICK, 0, lambda _: None) as bench:
        yield bench


def alive(*pids):
    return [pid for pid in pids if psutil.pid_exists(pid)]


def test_server_is_started_once_and_shared(bench, program):
    program("pipeline", SERVES)
    first, other = bench.server("tiny"), bench.server("other")
    bench.wait()
    assert bench.server("tiny") is first is not other
    assert first.address == "a:1"


def test_server_that_has_ended_is_started_again(bench, program):
    program("pipeline", ENDS)
    first = bench.server("tiny")
    first._process.wait(10)
    program("pipeline", SERVES)
    second = bench.server("tiny")
    assert second is not first
    second.ready()
    assert second.running


def test_kinds_of_processes_do_not_mix(bench, program):
    program("pipeline", SERVES)
    program("benchmarks.serving.hosted", SERVES)
    program("benchmarks.serving.direct", SERVES)
    started = [bench.server("m"), bench.hosted("m", {"m": {}}), bench.direct("m")]
    bench.wait()
    assert len({process.pid for process in started}) == 3
    assert [bench.server("m"), bench.hosted("m"), bench.direct("m")] == started


def test_hosted_servers_that_have_ended_are_not_started_as_none(bench, program):
    program("benchmarks.serving.hosted", SERVES)
    bench.hosted("m", {"m": {}}).stop()
    with pytest.raises(BenchmarkError, match="hosted-m has ended"):
        bench.hosted("m")


def test_waiting_for_all_fails_with_one(bench, program):
    program("pipeline", SERVES)
    program("benchmarks.serving.hosted", FAILS)
    bench.server("tiny")
    bench.hosted("bad", {"bad": {}})
    with pytest.raises(BenchmarkError, match=r"hosted-bad ended with code 1: no such model"):
        bench.wait()


def test_all_processes_have_ended_afterwards_even_if_a_scenario_fails(tmp_path, program):
    program("pipeline", SERVES)
    program("benchmarks.serving.direct", ENDS)
    pids = []

    def scenario():
        with Bench(tmp_path, QUICK, 0, lambda _: None) as bench:
            processes = [bench.server("a"), bench.direct("b"), bench.server("c")]
            pids.extend(process.pid for process in processes)
            assert alive(*pids) == pids
            # It is gone when it is asked, and must not hide why.
            processes[1]._process.wait(10)
            processes[1].run(way="session", batch=1, seconds=1.0, size=(1, 1))

    with pytest.raises(BenchmarkError, match=r"direct-b ended with code 4"):
        scenario()
    assert len(pids) == 3
    assert alive(*pids) == []


def test_models_are_written_at_the_same_time_where_servers_look_for_them(bench, program):
    # Each waits for the other's folder.
    program(
        "benchmarks.serving.models",
        "import pathlib, sys, time\nfolder = pathlib.Path(sys.argv[2])\n"
        "folder.mkdir(parents=True)\n(folder / sys.argv[1]).touch()\n"
        "limit = time.monotonic() + 20\n"
        "while len(list(folder.parent.parent.iterdir())) < 2 and time.monotonic() < limit:\n"
        "    time.sleep(0.02)\n"
        "sys.exit(time.monotonic() >= limit)",
    )
    bench.write_models(["a", "b"])
    for name in "ab":
        assert bench.saved_model(name) == bench.models / name / "1"
        assert (bench.saved_model(name) / name).exists()


def test_model_that_cannot_be_written_is_told_with_its_last_words(bench, program):
    program("benchmarks.serving.models", "print('trying', flush=True)\n" + FAILS)
    with pytest.raises(BenchmarkError, match=r"^writing a ended with code 1: no such model$"):
        bench.write_models(["a"])


def test_model_that_takes_too_long_to_write_is_given_up(bench, program, monkeypatch):
    monkeypatch.setattr(bench_module, "EXPORT_S", 0.3)
    program("benchmarks.serving.models", "import signal; signal.pause()")
    with pytest.raises(BenchmarkError, match=r"a model was not written after 0 s\."):
        bench.write_models(["a", "b"])
    mine = psutil.Process().children()
    assert not [p for p in mine if "benchmarks.serving.models" in p.cmdline()]


def test_writers_do_not_outlive_the_failure_of_another(bench, program):
    program(
        "benchmarks.serving.models",
        "import signal, sys\nsys.argv[1] == 'good' and signal.pause()\n" + FAILS,
    )
    with pytest.raises(BenchmarkError, match="writing bad ended"):
        bench.write_models(["bad", "good"])
    mine = psutil.Process().children()
    assert not [p for p in mine if "benchmarks.serving.models" in p.cmdline()]
