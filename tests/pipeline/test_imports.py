"""What `bitpipe --help` may load. A name is added here knowingly, with what it costs in mind."""

import json
import subprocess
import sys

import pytest

# Top-level names beyond those that the interpreter has loaded before, on Python 3.10 to 3.13.
ALLOWED = {
    *("bitpipe", "click", "pipeline"),
    *("ast", "bz2", "collections", "contextlib", "copy", "copyreg", "dataclasses", "datetime"),
    *("dis", "enum", "errno", "fcntl", "fnmatch", "functools", "gettext", "glob", "grp"),
    *("importlib", "inspect", "ipaddress", "itertools", "json", "keyword", "linecache", "locale"),
    *("lzma", "math", "ntpath", "opcode", "operator", "pathlib", "platform", "pwd", "re"),
    *("reprlib", "select", "selectors", "shutil", "signal", "sre_compile", "sre_constants"),
    *("sre_parse", "subprocess", "textwrap", "threading", "token", "tokenize", "types", "typing"),
    *("urllib", "uuid", "warnings", "weakref", "zlib"),
}

PROBE = """
import sys
before = set(sys.modules)
from pipeline.cli import main
try:
    main()
except SystemExit:
    pass
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
import json
print(json.dumps(sorted(name for name in loaded if not name.startswith("_"))), file=sys.stderr)
"""


def loaded(*arguments):
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("Usage: bitpipe")
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "command",
    [
        *("", "batch", "classify", "compile", "config", "config show", "demo", "evaluate"),
        *("ingest", "models", "models list", "models promote", "predict", "report", "run"),
        *("runs", "runs list", "schedule", "schedule list", "serve", "submit"),
    ],
)
def test_help_loads_what_is_allowed_and_nothing_else(command):
    assert loaded(*command.split(), "--help") - ALLOWED == set()
