"""Progress is reported under the ids of the graph's nodes."""

import pytest

from pipeline import stages

pytestmark = pytest.mark.tfx


def test_stages_that_report_progress_use_the_ids_of_the_graph():
    from components.image_example_gen import component, executor
    from components.release import pusher
    from components.training import loop

    assert executor.STAGE == stages.IMAGE_EXAMPLE_GEN == component.ImageExampleGen.__name__
    assert loop.STAGE == stages.TRAINER
    assert pusher.Executor.__module__.rpartition(".")[2] == stages.PUSHER.lower()


def test_the_graphs_own_components_bear_the_ids():
    from components.gate.component import Evaluator

    assert Evaluator.__name__ == stages.EVALUATOR
