import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import check_locks

HASH = "a" * 64
CLEAN = f"""\
click==8.1.7 \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{HASH}
scipy==1.17.1 ; python_full_version < '3.12' and sys_platform == 'linux' \\
    --hash=sha256:{HASH}
"""


def test_clean_lock_has_no_faults():
    assert check_locks.faults(CLEAN) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--find-links /opt/wheels",
        "# uv pip compile /home/me/setup.py",
        "click @ file:///tmp/click.whl",
        "-e .",
        "click>=8",
        "click==8.1.7",
        "",
    ],
)
def test_foreign_line_is_named_with_its_number(line):
    [fault] = check_locks.faults(f"{CLEAN}{line}\n")
    assert fault.startswith("line 6: ")
    assert fault.endswith(f"Received: {line}")


@pytest.mark.parametrize(
    "text", ["", "click==8.1.7 \\\n", f"click==8.1.7 \\\n    --hash=sha256:{HASH} \\\n"]
)
def test_unfinished_lock_is_refused(text):
    assert check_locks.faults(text) != []


def test_requirement_without_hash_is_refused():
    without = re.sub(r"    --hash.*\n", "", CLEAN, count=2)
    assert check_locks.faults(without) != []


@given(position=st.integers(0, 4), prefix=st.text(st.characters(codec="ascii"), max_size=8))
def test_a_url_anywhere_is_refused(position, prefix):
    lines = CLEAN.splitlines()
    lines[position] += f" {prefix}https://index.example"
    assert check_locks.faults("\n".join(lines)) != []


def test_main_reports_the_file_and_fails(tmp_path, capsys):
    clean, dirty = tmp_path / "clean.txt", tmp_path / "dirty.txt"
    clean.write_text(CLEAN)
    dirty.write_text("-e .\n")
    assert check_locks.main([str(clean)]) == 0
    assert check_locks.main([str(clean), str(dirty)]) == 1
    assert f"{dirty}: line 1" in capsys.readouterr().out
