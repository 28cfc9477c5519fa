"""Object stores that run on this machine: moto's S3 and an emulator of Google's.

They live in an environment of their own, which `make test-stores` makes.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stores.faults import between

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".tools" / "stores"


def pytest_collection_modifyitems(items):
    if not os.environ.get("STORES"):
        reason = "starts object stores; `make test-stores` runs it"
        for item in items:
            if "stores" in item.keywords and item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def environment():
    """boto3 beside what is installed, and patches for the session."""
    [packages] = HOME.glob("lib/python*/site-packages")
    # At the end: what both have is this environment's.
    sys.path.append(str(packages))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield patch


@contextmanager
def running(*command):
    """The address of a server that takes a port as {port}."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.format(port=port) for word in command]
    process = subprocess.Popen(
        [HOME / "bin" / "python", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, "the store has ended"
            try:
                urllib.request.urlopen(address).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def s3_address(environment):
    with running(str(Path(__file__).with_name("s3_server.py")), "{port}") as address:
        yield address


@pytest.fixture(scope="session")
def s3(environment, s3_address):
    environment.setenv("AWS_ENDPOINT_URL", s3_address)
    return "s3://photos"


@pytest.fixture(scope="session")
def gs(environment, tmp_path_factory):
    data = str(tmp_path_factory.mktemp("gs"))
    words = ("-m", "gcp_storage_emulator", "--data-dir", data, "start", "--host", "127.0.0.1")
    with running(*words, "--port", "{port}", "--default-bucket", "photos") as address:
        environment.setenv("STORAGE_EMULATOR_HOST", address)
        # No credentials are looked for, which takes half a minute where there are none.
        from apache_beam.io.filesystems import FileSystems
        from apache_beam.options.pipeline_options import PipelineOptions

        FileSystems.set_options(PipelineOptions(["--no_auth"]))
        yield "gs://photos"


@pytest.fixture(params=["s3", "gs"])
def base(request):
    """The address of a bucket."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def watched(s3, s3_address, monkeypatch):
    """A store whose requests are noted."""
    with between(s3_address) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        yield server


@pytest.fixture
def faults(s3, s3_address, monkeypatch):
    """A store that fails as it is told, and clients that do not wait long."""
    from bitpipe.stores import s3 as store

    hasty = store._CONFIG.merge(store.Config(connect_timeout=1, read_timeout=1))
    monkeypatch.setattr(store, "_CONFIG", hasty)
    with between(s3_address) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        yield server
