"""The compiled pipeline in real containers of the built image, as a cluster's nodes run them."""

import subprocess

import msgspec
import pytest

from tests.docker.engine import IMAGE, needs_image
from tests.pictures import write_folder
from tests.pipeline.kubeflow import mlmd_server, runner

pytestmark = [pytest.mark.docker, pytest.mark.e2e, needs_image]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    # Containers run as a user of their own.
    for name in ("", "root", "serving", "outputs"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o777)
    write_folder(folder / "photos", per_class=20)
    return folder


@pytest.fixture(scope="module")
def metadata(place):
    with mlmd_server.served(place / "mlmd.sqlite") as address:
        yield address


@pytest.fixture(scope="module")
def text(place, metadata):
    """Compiled by the image itself, whose TFX need not be this one's."""
    places = {"image": IMAGE, "data": str(place / "photos"), "metadata": metadata}
    places |= {name: str(place / name) for name in ("root", "serving")}
    setting = f"kubeflow={msgspec.json.encode(places).decode()}"
    out = place / "outputs" / "pipeline.yaml"
    docker = ["docker", "run", "--rm", "--volume", f"{place}:{place}", IMAGE]
    compiled = ["compile", "--config", "smoke", "--set", setting, "--out", str(out)]
    subprocess.run([*docker, "bitpipe", *compiled], check=True, timeout=300)
    return out.read_text()


@pytest.fixture(scope="module")
def runs(place, text):
    execute = runner.as_container([str(place)])
    return [runner.run(text, place / "outputs", execute) for _ in range(2)]


def test_every_container_succeeds_and_the_model_is_pushed(runs, place):
    first, _ = runs
    failed = {name: done.log[-2000:] for name, done in first.items() if done.exit_code}
    assert not failed
    assert len(first) == 11
    assert len(list((place / "serving" / "smoke").glob("[0-9]*"))) == 1


def test_the_second_run_takes_the_model_from_the_cache(runs):
    _, second = runs
    assert all(done.exit_code == 0 for done in second.values())
    assert "taken from the cache" in second["trainer"].summary
