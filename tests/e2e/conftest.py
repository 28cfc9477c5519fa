"""One pipeline folder for the whole session: its runs follow each other as a user's would.

TFX takes 40 s to import and a run about a minute, so the runs are fixtures that build on one
another, all in this process, and each test looks at one thing about them.
"""

import pytest

from bitpipe.model.registry import Registry, decision
from tests.e2e.harness import CORRUPT, Pipeline
from tests.pictures import write_folder

# The server's start takes as long as the rest of a run; asked once, it has shown what it does.
UNASKED = "serving_check.server=off"


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    root = tmp_path_factory.mktemp("pipeline")
    data = write_folder(root / "photos", per_class=20)
    for name, content in CORRUPT.items():
        (data / name).write_bytes(content)
    return Pipeline(data, root / "out")


@pytest.fixture(scope="session")
def first(pipeline):
    return pipeline.run()


@pytest.fixture(scope="session")
def second(pipeline, first):
    """The same again."""
    return pipeline.run()


@pytest.fixture(scope="session")
def worse(pipeline, second):
    """One step of training: as good as guessing. The floor lets it pass, the baseline must not."""
    return pipeline.run("train.steps=1", "gate.min_accuracy=0", UNASKED)


@pytest.fixture(scope="session")
def below_floor(pipeline, worse):
    """The same model, judged by floors that it misses and no comparison."""
    floors = ("gate.min_accuracy=0.99", "gate.min_recall_per_class=0.98")
    return pipeline.run("train.steps=1", *floors, "gate.max_drop=1", UNASKED)


@pytest.fixture(scope="session")
def better(pipeline, first, below_floor):
    """Another model that is as good as the one in service, from which it starts.

    Its threshold rejects nothing, but has to be in what is pushed.
    """
    return pipeline.run(*_better(pipeline, first))


@pytest.fixture(scope="session")
def better_again(pipeline, first, better):
    """The same again, while that model is in service."""
    return pipeline.run(*_better(pipeline, first))


def _better(pipeline, first):
    backbone = pipeline.out / "serving" / "smoke" / str(first.result["version"])
    start = (f"model.backbone={backbone}", "train.warm_start=served")
    method = "train.method=probe_then_fine_tune"
    return (
        "train.steps=40",
        "train.keep_best=true",
        method,
        "train.crop=24",
        "train.eval_size=32",
        *start,
        "gate.reject_below=0.01",
        UNASKED,
    )


@pytest.fixture(scope="session")
def back(pipeline, better_again):
    """The first configuration again."""
    return pipeline.run()


@pytest.fixture(scope="session")
def withdrawn(pipeline, back):
    """The same once more, after somebody has rolled back from it; then it is allowed again."""
    registry = Registry(str(pipeline.out / "serving"))
    registry.rollback(None, decision("it sees ghosts", by="ann"))
    run = pipeline.run()
    registry.promote(back.result["version"], "stable", decision("there are ghosts"))
    return run
