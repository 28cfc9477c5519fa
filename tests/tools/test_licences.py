"""What packages say of their licences."""

import re
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from tools import licences

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / ("stable.txt" if sys.version_info < (3, 11) else "current.txt")
# What is shipped in an image must not oblige its users to publish what they add to it.
COPYLEFT = re.compile(r"\b(A?GPL|(Affero )?General Public License)", re.IGNORECASE)


def fields(*pairs):
    message = Message()
    for name, value in pairs:
        message[name] = value
    return message


@pytest.mark.parametrize(
    ("pairs", "licence"),
    [
        ([("License-Expression", "MIT"), ("License", "see file")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: MIT License")], "MIT License"),
        ([("Classifier", "License :: OSI Approved"), ("License", "BSD")], "BSD"),
        ([("License", "Apache 2.0\nin full: ...")], "Apache 2.0"),
        ([("License", "Permission is hereby granted " * 9)], licences.UNKNOWN),
        ([], licences.UNKNOWN),
    ],
)
def test_the_most_exact_statement_counts(pairs, licence):
    assert licences.licence_of(fields(*pairs)) == licence


def test_a_lock_is_read_without_its_hashes_and_markers():
    first = "a-b==1.0 ; python_version < '3' \\\n    --hash=sha256:00\n"
    lock = first + "c==2 \\\n    --hash=sha256:11\n"
    assert licences.pins(lock) == {"a-b": "1.0", "c": "2"}


def test_no_package_of_the_lock_is_under_a_licence_that_spreads_to_its_users():
    rows = licences.table(LOCK.read_text("utf-8"))
    assert len(rows) > 100
    assert not [row for row in rows if COPYLEFT.search(row[2])]


def test_a_lock_of_which_nothing_is_installed_is_told(tmp_path):
    (tmp_path / "empty.txt").write_text("no-such-package==1 \\\n")
    told = subprocess.run(
        [sys.executable, "tools/licences.py", str(tmp_path / "empty.txt")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert "None of" in told.stderr
