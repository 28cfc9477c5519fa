"""Bad models through the whole graph, a stand-in for the Trainer in it: `make test-bad-models`.

A few of them, past gate and Pusher alone, are in tests/components/release/test_bad_models.py.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.bad_models import KINDS, save
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
    root = tmp_path_factory.mktemp("bad-models")
    # So many that "worse" is no noise.
    return Pipeline(write_folder(root / "photos", per_class=80), root / "out")


@pytest.fixture(scope="module")
def run(there):
    """Function that writes a model, name of the kind -> how the run ended that "trained" it."""
    names = ["good"]

    def of(write, kind):
        from tfx.components.util import udf_utils

        if kind not in names:
            names.append(kind)

        def trained(fn_args):
            write(Path(fn_args.serving_model_dir))

        # TFX loads the module of a function anew: what was put into it would be gone.
        found = udf_utils.get_fn

        def get_fn(properties, name):
            return trained if name == "run_fn" else found(properties, name)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(udf_utils, "get_fn", get_fn)
            # A seed of its own, so that no kind is taken for another one from the cache.
            # The gate alone has to find them: the check before it refuses some of them, too.
            return there.run(f"train.seed={names.index(kind)}", "serving_check.server=off")

    return of


@pytest.fixture(scope="module")
def good(run):
    """The model in service."""
    first = run(save, "good")
    assert first.result["pushed"], first.result
    return first


def in_service(pipeline):
    folder = pipeline.out / "serving"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_model_is_never_pushed_and_it_is_said_why(there, run, good, kind):
    before = in_service(there)
    bad = run(KINDS[kind].write, kind)
    assert in_service(there) == before
    if KINDS[kind].judged:
        assert bad.exit_code == 3
        assert any(KINDS[kind].said in text for text in bad.result["objections"])
    else:
        assert bad.exit_code == 1
        sentence = bad.stderr.splitlines()[-1]
        assert sentence.startswith("Error: the trained model cannot be judged, and is not pushed: ")
        assert KINDS[kind].said in sentence


def test_an_equal_model_is_not_pushed_as_a_new_one(there, run, good):
    before = in_service(there)
    version = there.out / "serving" / "smoke" / str(good.result["version"])
    equal = run(lambda folder: shutil.copytree(version, folder, dirs_exist_ok=True), "equal")
    assert equal.exit_code == 0
    assert not equal.result["pushed"]
    assert equal.result["version"] == good.result["version"]
    assert in_service(there) == before


def test_afterwards_the_good_model_is_still_in_service(there, run, good):
    again = run(save, "good")
    assert again.exit_code == 0
    assert not again.result["pushed"]
    assert there.served == [good.result["version"]]
