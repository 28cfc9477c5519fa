"""A task small enough for every test."""

import pytest

from benchmarks.bit.task import Task, write_inputs


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """training -> a Task of R14x0.5 on three images of 32 px, its files written."""
    folder = str(tmp_path_factory.mktemp("inputs"))

    def task(training, **changes):
        task = Task(folder, "R14x0.5", 32, 3, training, num_classes=7, **changes)
        write_inputs(task)
        return task

    return task
