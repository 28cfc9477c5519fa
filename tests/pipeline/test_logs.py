"""Everything but our own lines goes to the log."""

import io
import logging
import os
import subprocess
import sys
import warnings

from pipeline import logs

# In a child, because pytest holds this process's descriptors.
CHILD = """
import logging, os, subprocess, sys, warnings
from pathlib import Path
from pipeline import logs
print("before")
with logs.captured(Path(sys.argv[1])) as terminal:
    print("python stdout"); print("python stderr", file=sys.stderr)
    os.write(1, b"descriptor 1\\n"); os.write(2, b"descriptor 2\\n")
    subprocess.run(["sh", "-c", "echo child process"])
    logging.getLogger("stage").info("logged")
    warnings.warn("warned")
    print("our result", file=terminal.out); print("our progress", file=terminal.err)
print("after"); print("after too", file=sys.stderr)
"""


def test_noise_goes_to_the_file_and_our_lines_to_the_terminal(tmp_path):
    log = tmp_path / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["before", "our result", "after", ""]
    assert done.stderr.split("\n") == ["our progress", "after too", ""]
    text = log.read_text()
    for noise in ("python stdout", "python stderr", "descriptor 1", "descriptor 2"):
        assert noise in text
    for noise in ("child process", "INFO stage: logged", "warned"):
        assert noise in text
    assert "our" not in text


def test_the_streams_come_back_after_an_error(tmp_path, capfd):
    try:
        with logs.captured(tmp_path / "run.log"):
            os.write(1, b"hidden\n")
            raise KeyError("broken")
    except KeyError:
        pass
    os.write(1, b"shown\n")
    assert capfd.readouterr().out == "shown\n"
    assert "hidden" in (tmp_path / "run.log").read_text()


def test_verbose_shows_the_log_as_well(tmp_path, capfd):
    with logs.captured(tmp_path / "run.log", verbose=True):
        logging.getLogger("stage").info("both")
        warnings.warn("careful", stacklevel=1)
    shown = capfd.readouterr().err
    assert "both" in shown
    assert "careful" in shown
    assert "both" in (tmp_path / "run.log").read_text()


def test_what_a_library_has_a_handler_for_goes_to_the_log_alone(tmp_path):
    """As TensorFlow's in a notebook, whose streams are no descriptors."""
    cell = io.StringIO()
    library = logging.getLogger("a library")
    handler = logging.StreamHandler(cell)
    library.addHandler(handler)
    try:
        with logs.captured(tmp_path / "run.log"):
            library.warning("noise")
        library.warning("its own again")
    finally:
        library.removeHandler(handler)
    assert cell.getvalue() == "its own again\n"
    assert (tmp_path / "run.log").read_text().count("noise") == 1
