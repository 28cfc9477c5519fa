"""Programs are started, waited for, asked and ended; their failures are told in one sentence."""

import json
import signal

import psutil
import pytest

from benchmarks.kit.project import BenchmarkError
from benchmarks.serving import processes
from benchmarks.serving.processes import Direct, Hosted, Process, Server

WAITS = "import signal; print('ready', flush=True); signal.pause()"


@pytest.fixture
def start(program, tmp_path):
    """Starts a program with this source; ends it after the test."""
    started = []

    def start_program(source, *arguments):
        program("stand_in", source)
        process = Process("stand-in", tmp_path, "stand_in", arguments)
        started.append(process)
        return process

    yield start_program
    for process in started:
        process.stop()


def test_output_and_errors_are_kept_apart(start):
    process = start(
        "import sys\nprint(sys.argv[1:], flush=True)\nprint('log', file=sys.stderr)", "a", "b c"
    )
    assert process.wait_for(1) == ["['a', 'b c']"]
    process.stop()
    assert (process.output, process.log) == ("['a', 'b c']\n", "log\n")


def test_as_many_lines_are_waited_for_as_are_wanted(start):
    process = start("import time\nfor n in range(3):\n    print(n, flush=True)\n" + WAITS)
    assert process.wait_for(4) == ["0", "1", "2", "ready"]
    assert process.running


def test_memory_and_processor_time_are_those_of_the_program(start):
    process = start(f"held = b'x' * 50_000_000\nsum(range(3_000_000))\n{WAITS}")
    process.wait_for(1)
    observed = psutil.Process(process.pid)
    assert process.rss_mb > 50
    assert process.rss_mb == pytest.approx(observed.memory_info().rss / 2**20, rel=0.1)
    assert 0 < process.cpu_s < 60
    before = process.cpu_s
    assert processes.cores_used(process, before - 3.0, 2.0) == pytest.approx(1.5, abs=0.1)


def test_tracebacks_in_the_log_are_counted(start):
    source = "import traceback\nfor _ in range(2):\n"
    source += "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
    process = start(source + "        traceback.print_exc()\n" + WAITS)
    process.wait_for(1)
    assert process.tracebacks == 2


def test_end_before_it_is_ready_is_told_with_its_last_words(start):
    process = start("import sys; print('first', file=sys.stderr); sys.exit('no room left')")
    with pytest.raises(
        BenchmarkError, match=r"^the process of stand-in ended with code 1: no room left$"
    ):
        process.wait_for(1)


def test_end_without_words_is_told(start):
    with pytest.raises(BenchmarkError, match="ended with code 3: it printed nothing"):
        start("raise SystemExit(3)").wait_for(1)


def test_what_takes_too_long_is_told(start, monkeypatch):
    monkeypatch.setattr(processes, "READY_S", 0.2)
    with pytest.raises(BenchmarkError, match=r"^stand-in was not ready after 0 s\.$"):
        start("import signal; signal.pause()").wait_for(1)


def test_stop_lets_it_end_by_itself(start):
    source = "import signal, sys\n"
    source += "signal.signal(signal.SIGTERM, lambda *_: sys.exit('good bye'))\n"
    process = start(source + WAITS)
    process.wait_for(1)
    process.stop()
    assert not process.running
    assert process.log == "good bye\n"


def test_stop_kills_what_ignores_it(start, monkeypatch):
    monkeypatch.setattr(processes, "STOP_S", 0.2)
    source = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    process = start(source + "print('ready', flush=True)\nwhile True:\n    signal.pause()")
    process.wait_for(1)
    process.stop()
    assert not process.running
    assert process._process.returncode == -signal.SIGKILL


def test_stop_can_be_repeated_and_follow_an_end(start):
    process = start("")
    process._process.wait(10)
    process.stop()
    process.stop()


def test_request_to_one_that_has_ended_is_told_when_its_answer_is_waited_for(start):
    process = start("raise SystemExit('gone')")
    process._process.wait(10)
    process.ask(way="session")
    with pytest.raises(BenchmarkError, match="gone"):
        process.wait_for(1)
    process.stop()


def test_server_is_started_as_a_user_would_and_tells_its_addresses(program, tmp_path):
    program(
        "pipeline",
        "import sys, json, signal\nprint(json.dumps(sys.argv[1:]), file=sys.stderr)\n"
        "print('serving tiny version 1 on 127.0.0.1:41 and http://127.0.0.1:42/', flush=True)\n"
        "signal.pause()",
    )
    server = Server("server", tmp_path, tmp_path / "models", "tiny")
    try:
        server.ready()
        assert (server.address, server.rest_address) == ("127.0.0.1:41", "127.0.0.1:42")
        models = str(tmp_path / "models")
        expected = ["serve", "--models", models, "--name", "tiny", "--port=0", "--rest-port=0"]
        assert json.loads(server.log) == expected
    finally:
        server.stop()


def test_hosted_servers_have_the_addresses_of_their_names(program, tmp_path):
    program(
        "benchmarks.serving.hosted",
        "import json, signal, sys, time\nfor hosting in json.loads(sys.argv[1]):\n"
        "    print('127.0.0.1:' + hosting['name'], flush=True)\n    time.sleep(0.2)\n"
        "signal.pause()",
    )
    hosted = Hosted("hosted", tmp_path, {"slow": {"name": "7"}, "fast": {"name": "8"}})
    try:
        hosted.ready()
        assert hosted.addresses == {"slow": "127.0.0.1:7", "fast": "127.0.0.1:8"}
    finally:
        hosted.stop()


def test_direct_calls_are_asked_for_in_turn_and_each_gets_its_own_reply(program, tmp_path):
    program(
        "benchmarks.serving.direct",
        "import json, sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n"
        "    asked = json.loads(line)\n    print(sys.argv[1], file=sys.stderr, flush=True)\n"
        "    print(json.dumps([asked['batch'], asked['seconds'], *asked['size']]), flush=True)",
    )
    direct = Direct("direct", tmp_path, tmp_path / "saved")
    try:
        direct.ready()
        assert direct.run(way="session", batch=2, seconds=0.5, size=(3, 4)) == [2, 0.5, 3, 4]
        assert direct.run(way="session", batch=8, seconds=0.1, size=(5, 6)) == [8, 0.1, 5, 6]
        assert direct.log.split() == [str(tmp_path / "saved")] * 2
    finally:
        direct.stop()


def test_frameworks_say_little_so_that_the_last_line_of_the_log_says_why(start):
    process = start("import os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], flush=True)")
    assert process.wait_for(1) == ["2"]
