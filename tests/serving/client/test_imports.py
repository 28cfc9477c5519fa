"""What `import serving.client` may load: a web service that asks for labels pays for all of it.

A module that is missing here is to be imported where it is used, or to be added with a reason.
"""

import subprocess
import sys

ALLOWED = {
    # this project's client and its ground floor
    *("bitpipe", "serving"),
    # Pillow, which prefers defusedxml where that is installed; Protocol Buffers
    *("PIL", "defusedxml", "google"),
    # the standard library's public modules, in any of the versions supported
    *("__future__", "array", "ast", "atexit", "base64", "binascii", "bisect", "builtins", "bz2"),
    *("calendar", "codecs", "collections", "concurrent", "contextlib", "copy", "copyreg"),
    *("dataclasses", "datetime", "dis", "encodings", "enum", "errno", "fnmatch", "functools"),
    *("glob", "grp", "heapq", "importlib", "inspect", "io", "ipaddress", "itertools", "json"),
    *("keyword", "linecache", "locale", "logging", "lzma", "math", "ntpath", "numbers", "opcode"),
    *("operator", "os", "pathlib", "pickle", "posixpath", "pwd", "pyexpat", "queue", "random"),
    *("re", "reprlib", "shutil", "signal", "socket", "ssl", "stat", "string", "struct", "sys"),
    *("tempfile", "textwrap", "threading", "time", "token", "tokenize", "traceback", "types"),
    *("typing", "urllib", "uuid", "warnings", "weakref", "xml", "zlib"),
    # which uuid loads, by way of platform
    *("fcntl", "platform", "select", "selectors", "subprocess"),
}


def test_the_client_loads_nothing_that_is_not_listed() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"  # what a site's .pth files load is not the client's doing
        "import serving.client\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    private = {name for name in loaded & set(sys.stdlib_module_names) if name.startswith("_")}
    assert loaded - private - ALLOWED == set()
    assert {"bitpipe", "serving", "google", "PIL"} <= loaded


def test_the_client_loads_neither_server_nor_model_nor_batch() -> None:
    code = "import sys, serving.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split() if name.startswith("serving.")}
    assert rooms == {"client", "limits"}
