"""The lane chosen on imitated machines: the PATH holds nothing but imitations."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "choose-lane.sh"


def command(path: Path, output: str, *, status: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n[ -z '{output}' ] || echo '{output}'\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path):
    """A function that makes a machine and returns what choose-lane says on it."""

    def choose(
        *versions: str, glibc: str | None = "2.36", system: str = "Linux x86_64", **overrides: str
    ) -> subprocess.CompletedProcess:
        programs = tmp_path / "bin"
        kernel, architecture = system.split()
        uname = command(programs / "uname", "")
        uname.write_text(
            f"#!/bin/sh\ncase $1 in -s) echo {kernel} ;; -m) echo {architecture} ;; esac\n"
        )
        if glibc:
            command(programs / "getconf", f"glibc {glibc}")
        for version in versions:
            command(programs / f"python{version}", f"cpython{version}")
        environment = {"PATH": f"{tmp_path / 'shims'}:{programs}", "HOME": str(tmp_path)}
        return subprocess.run(
            ["/bin/sh", str(SCRIPT)], env=environment | overrides, capture_output=True, text=True
        )

    return choose


@pytest.mark.parametrize(
    ("glibc", "versions", "lane", "chosen"),
    [
        ("2.36", ["3.10"], "stable", "3.10"),
        ("2.36", ["3.10", "3.11", "3.13"], "stable", "3.10"),
        ("2.28", ["3.10"], "stable", "3.10"),
        ("2.38", ["3.10", "3.12"], "stable", "3.10"),
        ("2.39", ["3.10", "3.12"], "current", "3.12"),
        ("2.41", ["3.11", "3.12", "3.13"], "current", "3.13"),
        ("2.41", ["3.10"], "stable", "3.10"),
        ("2.41", ["3.10", "3.14"], "stable", "3.10"),
    ],
)
def test_lane_follows_glibc_and_the_interpreters_there(
    machine, tmp_path, glibc, versions, lane, chosen
):
    result = machine(*versions, glibc=glibc)
    assert result.stdout == f"{lane} {tmp_path}/bin/python{chosen}\n", result.stderr
    assert result.returncode == 0


def test_apple_silicon_takes_the_current_lane(machine, tmp_path):
    result = machine("3.10", "3.12", glibc=None, system="Darwin arm64")
    assert result.stdout == f"current {tmp_path}/bin/python3.12\n"


@pytest.mark.parametrize(
    ("glibc", "versions", "answer"),
    [("2.36", ["3.11"], "stable 3.10\n"), ("2.41", ["3.9"], "current 3.13\n")],
)
def test_missing_interpreter_is_asked_for(machine, glibc, versions, answer):
    result = machine(*versions, glibc=glibc)
    assert (result.returncode, result.stdout) == (3, answer)


@pytest.mark.parametrize(
    ("glibc", "system"),
    [
        ("2.27", "Linux x86_64"),
        ("2.41", "Linux aarch64"),
        (None, "Darwin x86_64"),
        (None, "Linux x86_64"),
    ],
)
def test_machine_without_a_lane_is_told_why(machine, glibc, system):
    result = machine("3.10", "3.12", glibc=glibc, system=system)
    assert (result.returncode, result.stdout) == (2, "")
    assert "glibc >= 2.39" in result.stderr
    assert f"Received: {system.replace(' ', '/')}" in result.stderr


def test_shim_that_refuses_to_start_gives_way_to_pyenvs_own_interpreter(machine, tmp_path):
    command(tmp_path / "shims/python3.10", "pyenv: python3.10: command not found", status=127)
    real = command(tmp_path / ".pyenv/versions/3.10.13/bin/python3.10", "cpython3.10")
    assert machine().stdout == f"stable {real}\n"


def test_interpreter_behind_a_broken_one_of_the_same_name_is_found(machine, tmp_path):
    command(tmp_path / "shims/python3.10", "", status=127)
    assert machine("3.10").stdout == f"stable {tmp_path}/bin/python3.10\n"


def test_interpreter_that_uv_installed_is_found(machine, tmp_path):
    real = command(
        tmp_path / ".local/share/uv/python/cpython-3.10.16-linux/bin/python3.10", "cpython3.10"
    )
    assert machine().stdout == f"stable {real}\n"


def test_plain_python3_counts_by_what_it_is(machine, tmp_path):
    python = command(tmp_path / "bin/python3", "cpython3.12")
    assert machine(glibc="2.41").stdout == f"current {python}\n"


def test_other_implementations_do_not_count(machine, tmp_path):
    command(tmp_path / "bin/python3.10", "pypy3.10")
    assert machine().returncode == 3


def test_folder_with_a_blank_in_its_name_is_searched(machine, tmp_path):
    python = command(tmp_path / "my tools/python3.10", "cpython3.10")
    result = machine(PATH=f"{tmp_path / 'my tools'}:{tmp_path / 'bin'}")
    assert result.stdout == f"stable {python}\n"


def test_lane_can_be_chosen(machine, tmp_path):
    result = machine("3.10", "3.12", glibc="2.41", LANE="stable")
    assert result.stdout == f"stable {tmp_path}/bin/python3.10\n"


def test_chosen_lane_that_does_not_install_here_is_refused(machine):
    result = machine("3.10", "3.12", glibc="2.36", LANE="current")
    assert result.returncode == 2
    assert "lane current needs Linux x86_64 with glibc >= 2.39" in result.stderr


def test_unknown_lane_is_refused(machine):
    result = machine("3.10", LANE="fast")
    assert result.returncode == 2
    assert result.stderr == "LANE must be stable or current. Received: fast.\n"


def test_interpreter_can_be_chosen_and_brings_its_lane(machine, tmp_path):
    python = command(tmp_path / "own/python", "cpython3.11")
    result = machine("3.13", glibc="2.41", PYTHON=str(python))
    assert result.stdout == f"current {python}\n"


@pytest.mark.parametrize(
    ("version", "lane", "words"),
    [
        ("3.9", "", "Received: {python}, cpython3.9.\n"),
        ("3.12", "stable", "cpython3.12, with LANE=stable.\n"),
        ("3.12", "", "glibc >= 2.39"),
    ],
)
def test_chosen_interpreter_that_cannot_serve_is_refused(machine, tmp_path, version, lane, words):
    python = command(tmp_path / "own/python", f"cpython{version}")
    result = machine("3.10", PYTHON=str(python), LANE=lane)
    assert (result.returncode, result.stdout) == (2, "")
    assert words.format(python=python) in result.stderr


def test_chosen_interpreter_that_does_not_start_is_refused(machine):
    result = machine("3.10", PYTHON="/nowhere/python3.10")
    assert result.returncode == 2
    assert "which does not start" in result.stderr
