"""Bad models through the whole graph, as if the Trainer had exported them: `make test-bad-models`.

What the gate says of each is in tests/components/release/test_bad_models.py, in a fraction of the
time.
"""

import os
import shutil

import pytest

from tests.bad_models import KINDS
from tests.e2e.harness import Pipeline
from tests.pictures import write_folder

pytestmark = [
    pytest.mark.bad_models,
    pytest.mark.e2e,
    pytest.mark.tfx,
    pytest.mark.skipif(
        not os.environ.get("BAD_MODELS"), reason="takes minutes; `make test-bad-models` runs it"
    ),
]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with a good model in service."""
    root = tmp_path_factory.mktemp("bad-models")
    made = Pipeline(write_folder(root / "photos", per_class=20), root / "out")
    first = made.run()
    assert first.result["pushed"]
    return made


def in_service(pipeline):
    folder = pipeline.out / "serving"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_model_is_never_pushed(there, monkeypatch, kind):
    from components.training import served_model

    def export(_, folder):
        shutil.rmtree(folder, ignore_errors=True)
        KINDS[kind].write(type(there.out)(folder))

    monkeypatch.setattr(served_model, "export", export)
    before = in_service(there)
    # A seed of its own, so that no kind is taken for another one from the cache.
    run = there.run(
        f"train.seed={1 + list(KINDS).index(kind)}", "train.steps=1", "serving_check.server=off"
    )
    assert in_service(there) == before
    if KINDS[kind].said is None:
        assert run.exit_code == 1
        assert "Traceback" not in run.stderr
    else:
        assert run.exit_code == 3
        assert any(KINDS[kind].said in text for text in run.result["objections"])


def test_afterwards_the_good_model_is_still_in_service(there):
    again = there.run()
    assert again.exit_code == 0
    assert not again.result["pushed"]
    assert there.served == [again.result["version"]]
