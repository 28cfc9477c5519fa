"""Whether the garbage of closed connections is collected while TensorFlow's objects are there."""

import subprocess
import sys

import pytest

CODE = """
import gc, sys
from serving.server import app

frameworks = [[] for _ in range(400_000)]
gc.collect()
if sys.argv[1] == "aside":
    app._set_frameworks_aside()
before = gc.get_stats()[2]["collections"]
connections = [[] for _ in range(30_000)]
for _ in range(600_000):  # Python 3.13 looks at the oldest after 242,000
    connection = []
    connection.append(connection)
print(gc.get_stats()[2]["collections"] - before)
"""


def full_collections(argument: str) -> int:
    command = [sys.executable, "-c", CODE, argument]
    return int(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_frameworks_set_aside_do_not_put_off_full_collections() -> None:
    assert full_collections("aside") > 0


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons have other rules")
def test_frameworks_put_off_full_collections() -> None:
    assert full_collections("") == 0  # else the above would show nothing


def test_the_server_owns_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from serving.server import app

    made: list[bool] = []

    class Made(Exception):
        pass

    def make(*_: object, owns_process: bool = False, **__: object) -> None:
        made.append(owns_process)
        raise Made

    monkeypatch.setattr(app, "ModelServer", make)
    with pytest.raises(Made):
        app.serve([])
    assert made == [True]
