"""Which model a candidate is compared with."""

import pytest

from bitpipe.model import release
from bitpipe.model.release import Release, Withdrawal

pytestmark = pytest.mark.tfx


@pytest.fixture
def resolve(tmp_path):
    from tfx.types import standard_artifacts

    from components.gate import baseline
    from components.release import pusher

    def run(candidate, model_ids, pushes, gone=(), decided=None):
        """pushes: ids of the models in service, oldest first; 0 where nothing was blessed.

        The first one is version 100, the second 101 and so on.
        """

        def artifact(kind, number):
            made = kind()
            made.id = number
            made.uri = str(tmp_path / f"{kind.__name__}-{number}")
            if number not in gone:
                saved_model = tmp_path / made.uri / "Format-Serving" / "saved_model.pb"
                saved_model.parent.mkdir(parents=True, exist_ok=True)
                saved_model.touch()
            return made

        models = [artifact(standard_artifacts.Model, number) for number in model_ids]
        pushed = []
        for number, model_id in enumerate(pushes, start=100):
            made = artifact(standard_artifacts.PushedModel, number)
            made.set_int_custom_property(pusher.MODEL_ID, model_id)
            made.set_string_custom_property(pusher.VERSION, str(number) if model_id else "")
            pushed.append(made)
        if decided is not None:
            release.write(str(tmp_path), decided)
        found = baseline.ModelInService(str(tmp_path)).resolve_artifacts(
            None,
            {
                baseline.MODEL: models,
                baseline.PUSHED_MODEL: pushed,
                baseline.CANDIDATE: [artifact(standard_artifacts.Model, candidate)],
            },
        )
        return [model.id for model in found[baseline.MODEL]]

    return run


def test_the_first_model_has_no_baseline(resolve):
    assert resolve(1, [1], []) == []


def test_an_unchanged_candidate_is_not_its_own_baseline(resolve):
    assert resolve(1, [1], [1, 1]) == []


def test_a_new_candidate_meets_the_model_in_service(resolve):
    assert resolve(3, [1, 2, 3], [1, 2]) == [2]


def test_models_that_were_never_in_service_do_not_count(resolve):
    assert resolve(3, [1, 2, 3], [1, 0]) == [1]


def test_after_a_former_model_was_pushed_again_that_one_is_the_baseline(resolve):
    assert resolve(3, [1, 2, 3], [1, 2, 1]) == [1]


def test_a_former_model_meets_the_one_that_replaced_it(resolve):
    assert resolve(1, [1, 2], [1, 2]) == [2]


def test_a_push_whose_model_is_gone_is_passed_over(resolve):
    assert resolve(3, [1, 3], [1, 2]) == [1]


def test_files_that_are_gone_leave_no_baseline_rather_than_an_older_one(resolve):
    assert resolve(3, [1, 2, 3], [1, 2], gone=[2]) == []


def test_after_a_rollback_the_older_model_is_the_baseline(resolve):
    rolled_back = Release(stable=100, withdrawn={101: Withdrawal("", 0)})
    assert resolve(3, [1, 2, 3], [1, 2], decided=rolled_back) == [1]
    # The same night again: what was withdrawn meets the model in service as well.
    assert resolve(2, [1, 2], [1, 2], decided=rolled_back) == [1]


def test_what_replaced_it_later_is_the_baseline_then(resolve):
    later = Release(stable=102, withdrawn={101: Withdrawal("", 0)})
    assert resolve(4, [1, 2, 3, 4], [1, 2, 3], decided=later) == [3]
    assert resolve(3, [1, 2, 3], [1, 2, 3], decided=later) == [1]


def test_a_model_that_is_tried_beside_it_is_not_the_baseline(resolve):
    assert resolve(3, [1, 2, 3], [1, 2], decided=Release(stable=100, canary=101)) == [1]
