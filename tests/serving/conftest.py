"""A tiny model with the signature of this project's exports, and servers that answer with it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from serving.server import ModelServer
from serving.server.options import Options
from tests import serving_models


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel whose scores are the mean red, green and blue of a picture, in [0, 1]."""
    return serving_models.save_mean_colour(tmp_path_factory.mktemp("saved_model"))


@pytest.fixture(scope="session")
def push(saved_model: Path) -> Callable[[Path, int], Path]:
    """Puts the model into a folder as a version, the way Pusher does it: whole, by a rename."""
    return partial(serving_models.push, saved_model)


@pytest.fixture(scope="module")
def server(
    push: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """A server of the model "colours" in versions 3 and 20, on a free port."""
    models = tmp_path_factory.mktemp("models")
    for version in (3, 20):
        push(models / "colours", version)
    with ModelServer(models, "colours", port=0, options=Options(poll_interval_s=0.05)) as server:
        yield server
