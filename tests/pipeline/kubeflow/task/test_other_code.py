"""An image whose code is not the pipeline's: refused at once, by the entry point itself."""

import subprocess
import sys

import pytest

from bitpipe import exits

ARGUMENTS = ("--node=", "--sha256=", "--tfx=", "--run-id={{$.left}}", "--summary=")


def run(*arguments):
    program = """
import sys
from pipeline.kubeflow.task import entrypoint

try:
    entrypoint.main()
finally:
    print(*sys.modules)
"""
    return subprocess.run(
        [sys.executable, "-c", program, *ARGUMENTS, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_other_code_is_one_sentence_before_any_framework_is_loaded():
    done = run("--code=components.trainer=cd34")
    assert done.returncode == exits.USER
    (line,) = done.stderr.splitlines()
    assert "other code of components.trainer" in line
    assert not {"tfx", "tensorflow", "apache_beam"} & set(done.stdout.split())


def test_a_pipeline_from_before_there_were_digests_is_refused():
    done = run()
    assert done.returncode == exits.USER
    assert "--code" in done.stderr


@pytest.mark.parametrize("code", ["", "same"])
def test_the_same_code_and_none_of_ours_get_further(code):
    from components.code_version import code_version

    if code:
        code = f"components.preprocessing={code_version('components.preprocessing')}"
    done = run(f"--code={code}")
    assert "Kubeflow left" in done.stderr  # the placeholder above
